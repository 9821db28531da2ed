// Starts the whole site on this machine: databases, migrations, web servers, nginx.
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { startDatabases } from './databases.js';
import { StackError } from './errors.js';
import { StackLinks } from './network/links.js';
import { requestLog } from './nginx/config.js';
import { makeNginx } from './nginx/nginx.js';
import { findMysql, findNginx } from './programs/find.js';
import { isFree, PortReservation } from './system/ports.js';
import { projectDir } from './system/project-dir.js';
import { makeRunDir } from './system/run-dir.js';
import type { Databases, Stack, StackOptions, StackProcess } from './types.js';
import { migrate } from './web/migrate.js';
import { writeRoutes } from './web/write-routes.js';
import { plainEnvironment } from './web/node-command.js';
import { migrationSettings, shareSettings, webSettings } from './web/settings.js';
import { NodeWebServer } from './web/web-server.js';

/** A web server's name and ports. */
interface WebServerAddress {
  readonly name: string;
  readonly port: number;
  readonly metricsPort: number;
  readonly standbyPort: number;
  readonly syncPort: number;
}

/**
 * Starts databases, runs the migrations, starts the web servers and nginx in front of them, and resolves when all are
 * ready. Everything ends with this process, however it ends. Call it from the main thread.
 *
 * Throws `StackError`: port_in_use, program_missing, bad_options, migration_failed, or start_failed with the end of
 * the log of what did not start.
 */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const { servers: serverCount = 3, topology = 'multi-primary', preload, onProgress = () => undefined } = options;
  const count = options.databases ?? (topology === 'single' ? 1 : 3);
  const apps = [options.app ?? join(projectDir, 'apps/web/dist')].flat();
  await checkOptions(serverCount, apps, options.port);
  // Both at once: at a first run each is fetched. The databases find theirs again, in the cache.
  const [program] = await Promise.all([findNginx(onProgress), findMysql(onProgress)]);

  const ports = new PortReservation();
  const runDir = makeRunDir();
  const links = new StackLinks(() => ports.next());
  const servers: NodeWebServer[] = [];
  let databases: Databases | undefined;
  let nginx: StackProcess | undefined;
  const stop = async () => {
    await nginx?.stop();
    await Promise.all(servers.map((server) => server.stop()));
    await links.close();
    await databases?.stop();
    ports.release();
    runDir.remove();
  };
  try {
    const { isolated = false, ownDisks = false } = options;
    databases = await startDatabases({ count, topology, isolated, ownDisks, onProgress });
    const port = options.port || (await ports.next());
    const url = `http://localhost:${port}`;
    const addresses = await reserveAddresses(serverCount, ports);
    const sessionDirs = makeSessionDirs(runDir.path);
    const peers = addresses.map(({ syncPort }) => `127.0.0.1:${syncPort}`);
    const settings: Record<string, string> = {
      ...webSettings(databases, url),
      ...shareSettings(sessionDirs, peers),
      ...options.env,
    };
    const env = { ...plainEnvironment(), ...settings };
    const hasStandby = settings.SESSION_OUTAGE === 'read-only';
    onProgress('running the migrations');
    await migrateAll(apps, join(runDir.path, 'migrate.log'), { ...env, ...migrationSettings(databases) }, preload);
    onProgress(`starting ${serverCount} web servers`);
    const shared = { dir: runDir.path, ...(preload !== undefined && { preload }) };
    for (const [i, address] of addresses.entries()) {
      const script = join(apps[i % apps.length], 'main.js');
      const linkSettings = options.links && (await linked(links, address, databases, addresses));
      const own = { ...settingsOf(address, runDir.path), ...linkSettings };
      servers.push(new NodeWebServer({ ...address, ...shared, script, env: { ...env, ...own } }));
    }
    await Promise.all(servers.map((server) => server.start()));

    onProgress(`starting nginx ${program.version} on port ${port}`);
    const site = { dir: join(runDir.path, 'nginx'), port, upstreams: addresses, hasStandby };
    nginx = makeNginx(program, site, preload && (await writeRoutes(apps[0], preload, join(runDir.path, 'routes'))));
    await nginx.start();
    return { url, nginx, requestLog: requestLog(site.dir), servers, databases, links, sessionDirs, settings, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** As rolling deploys do: the migrations of each release, one after the other. */
async function migrateAll(
  apps: readonly string[],
  log: string,
  env: Record<string, string>,
  preload?: string,
): Promise<void> {
  for (const app of apps) await migrate(join(app, 'migrate.js'), log, env, preload);
}

async function checkOptions(serverCount: number, apps: readonly string[], port: number | undefined): Promise<void> {
  if (!Number.isInteger(serverCount) || serverCount < 1 || serverCount > 20)
    throw new StackError('bad_options', `The number of web servers must be from 1 to 20, not ${serverCount}`);
  for (const script of apps.flatMap((app) => [join(app, 'main.js'), join(app, 'migrate.js')]))
    if (!existsSync(script)) throw new StackError('start_failed', `${script} is missing: run "npm run build" first`);
  if (port && !(await isFree(port)))
    throw new StackError('port_in_use', `Port ${port} is in use by another program; choose another one`);
}

async function reserveAddresses(count: number, ports: PortReservation): Promise<WebServerAddress[]> {
  const addresses: WebServerAddress[] = [];
  for (let i = 1; i <= count; i++)
    addresses.push({
      name: `web${i}`,
      port: await ports.next(),
      metricsPort: await ports.next(),
      standbyPort: await ports.next(),
      syncPort: await ports.next(),
    });
  return addresses;
}

function makeSessionDirs(runDir: string): string[] {
  const dirs = ['sessions-a', 'sessions-b'].map((name) => join(runDir, name));
  for (const dir of dirs) mkdirSync(dir, { mode: 0o700 });
  return dirs;
}

/** The settings that no other web server has. */
function settingsOf({ name, standbyPort, syncPort }: WebServerAddress, dir: string): Record<string, string> {
  return {
    STANDBY_PORT: String(standbyPort),
    SYNC_LISTEN: `127.0.0.1:${syncPort}`,
    SYNC_SNAPSHOT: join(dir, `${name}.sessions`),
  };
}

/** Opens links from a web server to the databases and its peers; returns the settings that use them. */
async function linked(
  links: StackLinks,
  { name }: WebServerAddress,
  { nodes }: Databases,
  addresses: readonly WebServerAddress[],
) {
  const urls: string[] = [];
  for (const node of nodes) {
    const url = new URL(node.url);
    url.host = `127.0.0.1:${await links.open(name, node.name, node)}`;
    urls.push(url.href);
  }
  const peers: string[] = [];
  for (const { name: peer, syncPort: port } of addresses) {
    const through = peer === name ? port : await links.open(name, peer, { host: '127.0.0.1', port });
    peers.push(`127.0.0.1:${through}`);
  }
  return { DATABASE_URLS: urls.join(','), SYNC_PEERS: peers.join(',') };
}
