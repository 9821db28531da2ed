// nginx as a process of the stack.
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { commandLine, type Program } from '../programs/program.js';
import { answers } from '../system/http.js';
import { ManagedProcess } from '../system/managed-process.js';
import { projectDir } from '../system/project-dir.js';
import { nginxConfig, type NginxOptions } from './config.js';

/** What the deployment's nginx includes too. */
const includes = join(projectDir, 'deploy/nginx');

/** @param routes the folder with what nginx has to know of the routes, where it is not the app's own */
export function makeNginx(program: Program, options: NginxOptions, routes = includes): ManagedProcess {
  const file = join(options.dir, 'nginx.conf');
  const container = program.container ? `roam-${basename(dirname(options.dir))}-nginx` : undefined;
  mkdirSync(options.dir, { recursive: true });
  writeFileSync(file, nginxConfig(options));
  for (const name of ['http.conf', 'server.conf']) copyFileSync(join(includes, name), join(options.dir, name));
  for (const name of ['routes-map.conf', 'routes-locations.conf'])
    copyFileSync(join(routes, name), join(options.dir, name));
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
