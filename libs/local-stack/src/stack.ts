// Starts the whole site on this machine: databases, migrations, web servers, nginx.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { startDatabases } from './databases.js';
import { StackError } from './errors.js';
import { makeNginx } from './nginx/nginx.js';
import { findMysql, findNginx } from './programs/find.js';
import { isFree, PortReservation } from './system/ports.js';
import { projectDir } from './system/project-dir.js';
import { makeRunDir } from './system/run-dir.js';
import type { Databases, Stack, StackOptions, StackProcess } from './types.js';
import { migrate } from './web/migrate.js';
import { plainEnvironment } from './web/node-command.js';
import { webSettings } from './web/settings.js';
import { NodeWebServer } from './web/web-server.js';

/**
 * Starts databases, runs the migrations, starts the web servers and nginx in front of them, and resolves when all are
 * ready. Everything ends with this process, however it ends. Call it from the main thread.
 *
 * Throws `StackError`: port_in_use, program_missing, bad_options, migration_failed, or start_failed with the end of
 * the log of what did not start.
 */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const { servers: serverCount = 3, topology = 'multi-primary', onProgress = () => undefined } = options;
  const count = options.databases ?? (topology === 'single' ? 1 : 3);
  if (!Number.isInteger(serverCount) || serverCount < 1 || serverCount > 20)
    throw new StackError('bad_options', `${serverCount} web servers: between 1 and 20 are possible`);
  const app = options.app ?? join(projectDir, 'apps/web/dist');
  for (const script of ['main.js', 'migrate.js'])
    if (!existsSync(join(app, script)))
      throw new StackError('start_failed', `${join(app, script)} is missing: run "npm run build" first`);
  if (options.port) await checkPort(options.port);
  // Both at once: at a first run each is fetched. The databases find theirs again, in the cache.
  const [nginxProgram] = await Promise.all([findNginx(onProgress), findMysql(onProgress)]);

  const ports = new PortReservation();
  const runDir = makeRunDir();
  const servers: NodeWebServer[] = [];
  let databases: Databases | undefined;
  let nginx: StackProcess | undefined;
  const stop = async () => {
    await nginx?.stop();
    await Promise.all(servers.map((server) => server.stop()));
    await databases?.stop();
    ports.release();
    runDir.remove();
  };
  try {
    databases = await startDatabases({ count, topology, onProgress });
    const port = options.port || (await ports.next());
    const url = `http://localhost:${port}`;
    const settings = { ...webSettings(databases, url), ...options.env };
    const env = { ...plainEnvironment(), ...settings };
    onProgress('running the migrations');
    await migrate(join(app, 'migrate.js'), join(runDir.path, 'migrate.log'), env);

    onProgress(`starting ${serverCount} web servers`);
    const upstreams: { name: string; port: number }[] = [];
    for (let i = 1; i <= serverCount; i++) {
      const place = { name: `web${i}`, port: await ports.next() };
      upstreams.push(place);
      const metricsPort = await ports.next();
      servers.push(new NodeWebServer({ ...place, script: join(app, 'main.js'), dir: runDir.path, metricsPort, env }));
    }
    await Promise.all(servers.map((server) => server.start()));

    onProgress(`starting nginx ${nginxProgram.version} on port ${port}`);
    nginx = makeNginx(nginxProgram, { dir: join(runDir.path, 'nginx'), port, upstreams });
    await nginx.start();
    return { url, nginx, servers, databases, settings, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function checkPort(port: number): Promise<void> {
  if (!(await isFree(port)))
    throw new StackError('port_in_use', `Port ${port} is in use by another program; choose another one`);
}
