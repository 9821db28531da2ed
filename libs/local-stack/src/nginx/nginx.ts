// nginx as a process of the stack.
import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { commandLine, type Program } from '../programs/program.js';
import { answers } from '../system/http.js';
import { ManagedProcess } from '../system/managed-process.js';
import { nginxConfig, type NginxOptions } from './config.js';

export function makeNginx(program: Program, options: NginxOptions): ManagedProcess {
  const file = join(options.dir, 'nginx.conf');
  const container = program.container ? `roam-${basename(dirname(options.dir))}-nginx` : undefined;
  mkdirSync(options.dir, { recursive: true });
  writeFileSync(file, nginxConfig(options));
  return new ManagedProcess({
    name: 'nginx',
    container,
    command: () => commandLine(program, ['-p', options.dir, '-e', 'stderr', '-c', file], container),
    env: () => process.env,
    logFile: join(options.dir, 'nginx.log'),
    // Any answer is nginx's: whether the web servers answer is not its business.
    isReady: () => answers(`http://127.0.0.1:${options.port}/healthz`),
    readyTimeoutMs: 10_000,
    stopGraceMs: 3000,
  });
}
