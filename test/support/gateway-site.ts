// The sample of gateways as a site: several server processes behind a real nginx.
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PortReservation, projectDir, startNginx } from '@roam/local-stack';
import type { SessionSettings, Settings } from '../samples/gateways/settings.js';

const loader = join(projectDir, 'test/support/typescript.mjs');
const main = join(projectDir, 'test/samples/gateways/main.ts');
const locations = readFileSync(join(projectDir, 'test/samples/gateways/nginx.conf'), 'utf8');

/** How often a browser sends a request that a server of a busy machine did not answer in time. */
const TRIES = 5;
const PAUSE_MS = 500;

/** One server process, always on the same port. */
export class GatewayServer {
  readonly url: string;
  private process: ChildProcess | undefined;

  constructor(
    readonly name: string,
    private readonly port: number,
    private readonly library: Settings['library'],
    private readonly sessions: SessionSettings,
  ) {
    this.url = `http://127.0.0.1:${port}`;
  }

  async start(): Promise<void> {
    const settings: Settings = { name: this.name, port: this.port, library: this.library, sessions: this.sessions };
    const started = fork(main, [JSON.stringify(settings)], { execArgv: ['--import', loader], silent: true });
    // Nest logs what a handler throws, which here are the errors that clients are to see.
    let output = '';
    for (const stream of [started.stdout!, started.stderr!])
      stream.on('data', (text) => (output = `${output}${text}`.slice(-5_000)));
    const exited = once(started, 'exit').then(([code]) => {
      throw new Error(`${this.name} exited with ${code} before it listened:\n${output}`);
    });
    await Promise.race([once(started, 'message'), exited]);
    exited.catch(() => undefined);
    this.process = started;
  }

  /** @returns milliseconds until it was gone */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number> {
    const running = this.process;
    if (!running || running.exitCode !== null || running.signalCode !== null) return 0;
    const begun = performance.now();
    const exited = once(running, 'exit');
    running.kill(signal);
    await exited;
    return performance.now() - begun;
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.process!.kill(signal);
  }
}

export interface GatewaySite {
  readonly url: string;
  readonly servers: readonly GatewayServer[];
  readonly server: (name: string) => GatewayServer;
  /** Another one than this. */
  readonly other: (name: string) => GatewayServer;
  readonly stop: () => Promise<void>;
}

/** @param sessions of each server, one after the other */
export async function startGatewaySite(
  library: Settings['library'],
  sessions: readonly SessionSettings[],
): Promise<GatewaySite> {
  const ports = new PortReservation();
  const servers: GatewayServer[] = [];
  for (const own of sessions)
    servers.push(new GatewayServer(`web${servers.length + 1}`, await ports.next(), library, own));
  await Promise.all(servers.map((server) => server.start()));
  const nginx = await startNginx(
    (port) => `
  upstream web {
    random;
${servers.map(({ url }) => `    server ${new URL(url).host} max_fails=1 fail_timeout=2s;`).join('\n')}
  }
  server {
    listen 127.0.0.1:${port};
${locations}
  }`,
  );
  return {
    url: nginx.url,
    servers,
    server: (name) => servers.find((each) => each.name === name)!,
    other: (name) => servers.find((each) => each.name !== name)!,
    stop: async () => {
      await Promise.all(servers.map((server) => server.end('SIGKILL')));
      await nginx.stop();
      ports.release();
    },
  };
}

/** A user's cookies, and requests to a server. */
export class Browser {
  private readonly jar = new Map<string, string>();

  get cookie(): string {
    return [...this.jar].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  /** Tries again after a 5xx: all requests of the sample may be repeated. */
  async send(method: string, url: string): Promise<Record<string, unknown>> {
    let response = await this.try(method, url);
    for (let tries = 1; response.status >= 500 && tries < TRIES; tries++) {
      await sleep(PAUSE_MS);
      response = await this.try(method, url);
    }
    if (!response.ok) throw new Error(`${method} ${url} was answered with ${response.status}.`);
    return response.status === 204 ? {} : ((await response.json()) as Record<string, unknown>);
  }

  private async try(method: string, url: string): Promise<Response> {
    const response = await fetch(url, { method, headers: { cookie: this.cookie } });
    for (const line of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line)!;
      if (/max-age=0|expires=thu, 01 jan 1970/i.test(line)) this.jar.delete(name);
      else this.jar.set(name, value);
    }
    return response;
  }
}
