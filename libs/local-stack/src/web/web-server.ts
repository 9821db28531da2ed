// A web server as a process of the stack.
import { join } from 'node:path';
import { commandLineOfNode, preloading } from './node-command.js';
import { answers } from '../system/http.js';
import { shiftedClock } from './shifted-clock.js';
import { ManagedProcess } from '../system/managed-process.js';
import type { WebServer } from '../types.js';

export interface WebServerOptions {
  readonly name: string;
  /** The script that node runs. */
  readonly script: string;
  readonly dir: string;
  readonly port: number;
  readonly metricsPort: number;
  readonly env: Readonly<Record<string, string>>;
  /** A module that node loads before the script. */
  readonly preload?: string;
}

/** By which a web server asks to be started again, as container runtimes and service managers do it at any failure. */
const RESTART_CODE = 75;

export class NodeWebServer extends ManagedProcess implements WebServer {
  readonly url: string;
  readonly metricsUrl: string;
  private readonly changed: Record<string, string>;
  private readonly clock: { offsetMs: number };

  constructor({ name, script, dir, port, metricsPort, env, preload }: WebServerOptions) {
    const metricsUrl = `http://127.0.0.1:${metricsPort}`;
    const changed: Record<string, string> = {};
    const clock = { offsetMs: 0 };
    const options = () => [...(clock.offsetMs === 0 ? [] : [shiftedClock(clock.offsetMs)]), ...preloading(preload)];
    super({
      name,
      command: () => commandLineOfNode(script, options()),
      env: () => ({ ...env, ...changed, SERVER_NAME: name, PORT: String(port), METRICS_PORT: String(metricsPort) }),
      logFile: join(dir, `${name}.log`),
      isReady: () => answers(`${metricsUrl}/readyz`, 200),
      readyTimeoutMs: 60_000,
      stopGraceMs: 10_000,
      restartCode: RESTART_CODE,
    });
    this.url = `http://127.0.0.1:${port}`;
    this.metricsUrl = metricsUrl;
    this.changed = changed;
    this.clock = clock;
  }

  configure(env: Readonly<Record<string, string>>): void {
    Object.assign(this.changed, env);
  }

  shiftClock(ms: number): void {
    this.clock.offsetMs = ms;
  }
}
