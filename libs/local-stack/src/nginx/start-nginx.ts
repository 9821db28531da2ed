// nginx with a configuration of your own.
import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { findNginx } from '../programs/find.js';
import { commandLine } from '../programs/program.js';
import { answers } from '../system/http.js';
import { ManagedProcess } from '../system/managed-process.js';
import { PortReservation } from '../system/ports.js';
import { makeRunDir } from '../system/run-dir.js';

export interface OwnNginx {
  readonly url: string;
  readonly stop: () => Promise<void>;
}

/**
 * Starts nginx, which ends with this process. Everything it writes is in a folder of its own.
 * @param http what stands inside `http`; it listens on `port`
 * @throws StackError when there is no nginx, or it does not start
 */
export async function startNginx(http: (port: number) => string): Promise<OwnNginx> {
  const program = await findNginx(() => undefined);
  const ports = new PortReservation();
  const runDir = makeRunDir();
  const dir = join(runDir.path, 'nginx');
  const port = await ports.next();
  const file = join(dir, 'nginx.conf');
  mkdirSync(dir);
  writeFileSync(file, configOf(dir, http(port)));
  const container = program.container ? `roam-${basename(runDir.path)}-nginx` : undefined;
  const nginx = new ManagedProcess({
    name: 'nginx',
    container,
    command: () => commandLine(program, ['-p', dir, '-e', 'stderr', '-c', file], container),
    env: () => process.env,
    logFile: join(dir, 'nginx.log'),
    isReady: () => answers(`http://127.0.0.1:${port}/`),
    readyTimeoutMs: 10_000,
    stopGraceMs: 3000,
  });
  const stop = async () => {
    await nginx.stop();
    ports.release();
    runDir.remove();
  };
  try {
    await nginx.start();
  } catch (error) {
    await stop();
    throw error;
  }
  return { url: `http://127.0.0.1:${port}`, stop };
}

function configOf(dir: string, http: string): string {
  return `daemon off;
master_process off;
pid "${dir}/nginx.pid";
error_log stderr warn;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path "${dir}/client_body";
  proxy_temp_path "${dir}/proxy";
  fastcgi_temp_path "${dir}/fastcgi";
  uwsgi_temp_path "${dir}/uwsgi";
  scgi_temp_path "${dir}/scgi";
${http}
}
`;
}
