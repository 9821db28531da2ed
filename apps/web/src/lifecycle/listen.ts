// Listens on a port; the error says what to do.
import type { Server } from 'node:net';

/** Another program uses the port, or this user may not listen on it. */
class PortInUseError extends Error {
  readonly code = 'port_in_use';
  override readonly name = 'PortInUseError';
}

/** @throws {PortInUseError} with the name of the setting, when the port is not available */
export function listen(server: Server, port: number, host: string, setting: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException) => {
      server.off('listening', listening);
      const where = `${host}:${port}`;
      if (error.code === 'EADDRINUSE') {
        reject(
          new PortInUseError(
            `Port ${port} is in use: another program listens on ${where}. Set ${setting} to a free port.`,
          ),
        );
      } else if (error.code === 'EACCES') {
        reject(new PortInUseError(`This user may not listen on ${where}. Set ${setting} to a port above 1023.`));
      } else {
        reject(error);
      }
    };
    const listening = () => {
      server.off('error', failed);
      resolve();
    };
    server.once('error', failed).once('listening', listening).listen(port, host);
  });
}
