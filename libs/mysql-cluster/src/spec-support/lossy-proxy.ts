// A TCP proxy that can lose the answer to one statement: the server has done it, the client never hears of it.
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface LossyProxy {
  /** The url through the proxy. */
  readonly url: string;
  close(): Promise<void>;
}

/** Shared by the proxies of one test: what to lose next, and how often something was lost. */
export interface Loss {
  /** The answer to the next statement that contains this text, or matches this pattern, is lost; once. */
  marker: string | RegExp | undefined;
  lost: number;
}

export async function lossyProxy(url: string, loss: Loss): Promise<LossyProxy> {
  const target = new URL(url);
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    let losing = false;
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.on('data', (data) => {
      if (loss.marker !== undefined && data.toString('latin1').search(loss.marker) >= 0) {
        loss.marker = undefined;
        losing = true;
      }
      upstream.write(data);
    });
    upstream.on('data', (data) => {
      if (!losing) return void client.write(data);
      // It has answered, so the statement is done.
      loss.lost++;
      client.destroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const through = new URL(url);
  through.port = String((server.address() as AddressInfo).port);
  return {
    url: through.href,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}
