// The storage of the sessions by the settings: one method, or two while sessions move from one to the other.
import { MemorySessionStore, type AnySessions } from '@roam/session';
import { CookieSessions, MysqlRevocationList } from '@roam/session/cookie';
import { FileSessionStore } from '@roam/session/file';
import { migrating, type MigrationProgress } from '@roam/session/migrating';
import { MysqlSessionStore } from '@roam/session/mysql';
import { SyncSessionStore, type SyncEvent } from '@roam/session/sync';
import type { MysqlCluster } from '@roam/mysql-cluster';
import type { Logger } from 'pino';
import type { Config, SessionMethod } from '../config/config.js';

/** A mount or web server that keeps sessions, as this server sees it. */
export interface SessionPlace {
  readonly kind: 'mount' | 'server';
  /** The same on all servers: mounts are numbered in the order of `SESSION_DIRS`. */
  readonly name: string;
  /** `fenced`: it answers, or might, but is not used before it has all sessions. */
  readonly state: 'online' | 'fenced' | 'down';
  /** Why it is not online. */
  readonly reason: string | undefined;
}

/** An open method. */
export interface SessionStorage {
  readonly store: AnySessions;
  /** Whether it works without MySQL. */
  readonly withoutMysql: boolean;
  /** The mounts or other web servers that keep its sessions. */
  readonly places?: () => readonly SessionPlace[];
  /** The web server that takes all writes, if the method has one; undefined while none can. */
  readonly leader?: () => string | undefined;
  /** The missing dependency, in words; undefined while it can serve. */
  readonly missing: () => string | undefined;
  /** Whether this server reaches no other one: it must then stop listening at once. */
  readonly isCutOff?: () => boolean;
  /** The progress, while sessions move from one method to another. */
  readonly progress?: () => MigrationProgress;
  readonly close: () => Promise<void>;
}

type Open = (config: Config, cluster: MysqlCluster, logger: Logger) => SessionStorage | Promise<SessionStorage>;

const alwaysReady = { missing: () => undefined, close: async () => undefined };

const methods: Record<SessionMethod, Open> = {
  memory: () => ({ ...alwaysReady, store: new MemorySessionStore(), withoutMysql: true }),
  mysql: (_config, cluster) => ({ ...alwaysReady, store: new MysqlSessionStore(cluster), withoutMysql: false }),
  cookie: openCookies,
  sync: openSync,
  file: openFiles,
};

/** Resolves when this server can serve sessions. @throws StoreUnavailableError if the method cannot be opened. */
export async function openSessionStorage(
  config: Config,
  cluster: MysqlCluster,
  logger: Logger,
): Promise<SessionStorage> {
  const open = (method: SessionMethod) => methods[method](config, cluster, logger);
  const { method, migrate } = config.session;
  const to = await open(method);
  if (!migrate) return to;
  const from = await open(migrate.from);
  const store = migrating(from.store, to.store, { phase: migrate.phase });
  return {
    store,
    withoutMysql: from.withoutMysql && to.withoutMysql,
    missing: () => from.missing() ?? to.missing(),
    places: () => [from, to].flatMap((each) => each.places?.() ?? []),
    ...leaderOf(from, to),
    isCutOff: () => [from, to].some((each) => each.isCutOff?.()),
    progress: () => store.progress(),
    close: async () => {
      await Promise.all([from.close(), to.close()]);
    },
  };
}

/** While sessions move, only one of the two methods can be `sync`. */
function leaderOf(...storages: readonly SessionStorage[]): Pick<SessionStorage, 'leader'> {
  const { leader } = storages.find((each) => each.leader) ?? {};
  return leader ? { leader } : {};
}

async function openCookies(
  { session, server }: Config,
  cluster: MysqlCluster,
  logger: Logger,
): Promise<SessionStorage> {
  const revocations = await MysqlRevocationList.open({
    database: cluster,
    onFault: (error) => logger.warn({ err: error }, 'could not read the revocation list from MySQL: trying again'),
  });
  const store = new CookieSessions({
    secrets: session.secrets,
    audience: server.publicUrl.origin,
    revocations,
    lifetimeMs: Math.max(session.lifetimeMs, session.rememberLifetimeMs),
  });
  return { ...alwaysReady, store, withoutMysql: false, close: async () => revocations.close() };
}

/** Events of `sync` that require no action. */
const informational: ReadonlySet<SyncEvent['type']> = new Set(['peer-up', 'peer-current', 'leads', 'leads-no-more']);

async function openSync({ sync, server }: Config, cluster: MysqlCluster, logger: Logger): Promise<SessionStorage> {
  const { host, port, peers, secret, oneWay, takesBack = false, snapshot } = sync!;
  const store = await SyncSessionStore.open({
    serverName: server.name,
    listen: { host, port },
    peers,
    security: { secret },
    direction: oneWay === undefined ? 'both-ways' : { oneWay, takesBack },
    ...(snapshot !== undefined && { snapshotFile: snapshot }),
    // Without peers and without MySQL, this server is the one that was cut off.
    isCutOff: () =>
      cluster.read('SELECT 1', []).then(
        () => false,
        () => true,
      ),
    onEvent: (event) =>
      informational.has(event.type)
        ? logger.info({ event }, `sync: ${event.type}`)
        : logger.warn({ event }, `sync: ${event.type}`),
  });
  const missing = () => (store.isReady ? undefined : `the sessions of ${store.waitsFor.join(', ') || 'its peers'}`);
  const places = () =>
    store.stats().peers.map(({ name, address, state, current }): SessionPlace => {
      const own = { kind: 'server', name: name ?? address } as const;
      if (state !== 'up') return { ...own, state: 'down', reason: 'does not answer' };
      return current
        ? { ...own, state: 'online', reason: undefined }
        : { ...own, state: 'fenced', reason: 'its sessions are still being copied to this server' };
    });
  return {
    store,
    withoutMysql: true,
    places,
    missing,
    isCutOff: () => store.isCutOff,
    close: () => store.close(),
    ...(oneWay !== undefined && { leader: () => store.leader }),
  };
}

async function openFiles({ session, server }: Config, _cluster: MysqlCluster, logger: Logger): Promise<SessionStorage> {
  const store = await FileSessionStore.open({
    dirs: session.dirs,
    serverName: server.name,
    secrets: session.secrets,
    maxLifetimeMs: Math.max(session.lifetimeMs, session.rememberLifetimeMs),
    onEvent: (event) => logger.warn({ event }, `files: ${event.type}`),
  });
  const places = () =>
    store.stats().mounts.map(({ state, reason }, index): SessionPlace => {
      const own = { kind: 'mount', name: `mount${index + 1}` } as const;
      return { ...own, state: state === 'live' ? 'online' : 'fenced', reason };
    });
  const missing = () =>
    places().some(({ state }) => state === 'online')
      ? undefined
      : 'a mount of SESSION_DIRS that can be read and written';
  return { store, withoutMysql: true, places, missing, close: () => store.close() };
}
