// Three HTTP servers of this process with a real nginx before them. What they serve is exchanged: a start costs time.
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { makeNginx } from '../../libs/local-stack/src/nginx/nginx.js';
import { findNginx } from '../../libs/local-stack/src/programs/find.js';
import { PortReservation } from '../../libs/local-stack/src/system/ports.js';
import { makeRunDir } from '../../libs/local-stack/src/system/run-dir.js';

export const names = ['web1', 'web2', 'web3'] as const;

const nothingYet: RequestListener = (_, response) => void response.writeHead(404).end();

export interface Servers {
  /** nginx's address; below `/_server/web1` one server answers. */
  readonly url: string;
  /** The servers' own addresses, past nginx. */
  readonly direct: readonly string[];
  /** @param listeners one for each server */
  serve(listeners: readonly RequestListener[]): void;
  close(): Promise<void>;
}

export async function startServers(): Promise<Servers> {
  let serving: readonly RequestListener[] = [];
  const servers = names.map((_, i) =>
    createServer((request, response) => (serving[i] ?? nothingYet)(request, response)),
  );
  // No idle connection is closed during a test: what ends with its connection ends for another reason.
  for (const server of servers) server.keepAliveTimeout = 60_000;
  // Each sample with a proxy listens to the end of the server, which serves many samples.
  for (const server of servers) server.setMaxListeners(0);
  for (const server of servers) await once(server.listen(0, '127.0.0.1'), 'listening');
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  const [reservation, runDir] = [new PortReservation(), makeRunDir()];
  const port = await reservation.next();
  const upstreams = names.map((name, i) => ({ name, port: ports[i] }));
  const options = { dir: join(runDir.path, 'nginx'), port, upstreams };
  const nginx = makeNginx(await findNginx(() => undefined), options, join(import.meta.dirname, 'nginx'));
  await nginx.start();
  return {
    url: `http://127.0.0.1:${port}`,
    direct: ports.map((each) => `http://127.0.0.1:${each}`),
    serve: (listeners) => (serving = listeners),
    close: async () => {
      await nginx.stop();
      for (const server of servers) server.close().closeAllConnections();
      reservation.release();
      runDir.remove();
    },
  };
}
