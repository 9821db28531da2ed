// The socket by which the web servers pass on what somebody presses on their page: kill, freeze or revive a process.
import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import { dirname } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import type { StackProcess } from '@roam/local-stack';

/** What the system allows for a socket's path. */
export const maxPathBytes = 100;
/** Time for the answer to leave, also through the server that is about to die. */
const delayMs = 200;

export interface Controlled {
  /** All processes that may be meant, by each of their names. */
  readonly processes: () => ReadonlyMap<string, StackProcess>;
  readonly say: (message: string) => void;
  /** Called when something was done. */
  readonly onChange: () => Promise<void>;
}

const acts: Readonly<Record<string, (process: StackProcess) => Promise<void> | void>> = {
  kill: (process) => process.kill(),
  freeze: (process) => process.freeze(),
  revive: async (process) => {
    process.thaw();
    await process.start();
  },
};

/**
 * Opens the socket, in a folder that only this user may enter; resolves to how to close it. It answers 202 at once and
 * acts a moment later; 404 for a name that it does not know.
 */
export async function openControl(path: string, { processes, say, onChange }: Controlled): Promise<() => void> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  chmodSync(dirname(path), 0o700);
  rmSync(path, { force: true });
  const statusOf = async (request: IncomingMessage) => {
    const { act, name } = JSON.parse(await text(request)) as { act?: unknown; name?: unknown };
    const process = processes().get(String(name));
    if (!process || !Object.hasOwn(acts, String(act))) return 404;
    const done = async () => {
      await sleep(delayMs);
      say(`${String(act)} ${process.name} (requested on the /cluster page)`);
      await acts[String(act)](process);
      await onChange();
    };
    done().catch((error: unknown) => say(`could not ${String(act)} ${process.name}: ${String(error)}`));
    return 202;
  };
  const server = createServer((request, response) => {
    void statusOf(request)
      .catch(() => 400)
      .then((status) => response.writeHead(status).end());
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(path, resolve));
  server.unref();
  return () => {
    server.close();
    server.closeAllConnections();
    rmSync(path, { force: true });
  };
}
