// The session libraries that the benchmark compares with, each set up as its README says.
import { RedisStore } from 'connect-redis';
import { TypeormStore } from 'connect-typeorm';
import cookieSessions from 'cookie-session';
import mysqlStore from 'express-mysql-session';
import sessions from 'express-session';
import { getIronSession } from 'iron-session';
import fileStore from 'session-file-store';
import { DataSource, EntitySchema } from 'typeorm';
import { answerOf, contentOf, newUserId } from '../variants/content.mjs';
import { sessionHandlers } from '../variants/session-handlers.mjs';
import { connectRedis } from './connect-redis.mjs';

/** The routes over a middleware that gives each request its `session`. */
function withMiddleware(middleware, regenerate, close) {
  const signIn = ({ session, query }) => answerOf(Object.assign(session, contentOf(newUserId(), query.size)));
  return { middleware, ...sessionHandlers({ signIn, regenerate, close }) };
}

/** express-session with this store; `resave` and `saveUninitialized` as every README of a store has them. */
function expressSession(store, { secret }, close) {
  const cookie = { httpOnly: true, sameSite: 'lax', path: '/' };
  const middleware = sessions({ store, secret, cookie, name: 'sid', resave: false, saveUninitialized: false });
  const regenerate = ({ session }) =>
    new Promise((resolve, reject) => session.regenerate((error) => (error ? reject(error) : resolve())));
  return withMiddleware(middleware, regenerate, close);
}

/** Its default name of the table is the one that roam uses. */
async function mysqlSessions(settings, tableName, options) {
  const MySQLStore = mysqlStore(sessions);
  const { hostname: host, port, username: user, password, pathname } = new URL(settings.urls[0]);
  const account = { user: decodeURIComponent(user), password: decodeURIComponent(password) };
  const store = new MySQLStore({
    ...{ host, port: Number(port), ...account, database: pathname.slice(1) },
    connectionLimit: settings.connections,
    schema: { tableName },
    ...options,
  });
  await store.onReady();
  return expressSession(store, settings, () => store.close());
}

/** The entity of connect-typeorm's README, without decorators. */
const Session = new EntitySchema({
  name: 'Session',
  tableName: 'typeorm_sessions',
  columns: {
    expiredAt: { type: 'bigint' },
    id: { type: 'varchar', length: 255, primary: true },
    json: { type: 'text' },
    destroyedAt: { type: 'datetime', deleteDate: true, nullable: true },
  },
  indices: [{ columns: ['expiredAt'] }],
});

async function typeormSessions(settings) {
  const dataSource = await new DataSource({
    type: 'mysql',
    url: settings.urls[0],
    poolSize: settings.connections,
    entities: [Session],
    synchronize: true,
  }).initialize();
  // MySQL, too, has no LIMIT within IN (SELECT …).
  const store = new TypeormStore({ cleanupLimit: 2, limitSubquery: false, ttl: 86400 });
  return expressSession(store.connect(dataSource.getRepository(Session)), settings, () => dataSource.destroy());
}

async function redisSessions(settings) {
  const client = await connectRedis(settings.redis);
  return expressSession(new RedisStore({ client }), settings, () => client.close());
}

async function fileSessions(settings) {
  const FileStore = fileStore(sessions);
  return expressSession(new FileStore({ path: settings.dirs[0], logFn: () => undefined }), settings);
}

function cookieSession({ secret }) {
  // It knows no ids: a sign-in is an empty session with new content.
  return withMiddleware(cookieSessions({ name: 'sid', keys: [secret], sameSite: 'lax' }), async (request) => {
    request.session = {};
  });
}

function ironSession({ secret }) {
  const options = { password: secret, cookieName: 'sid', cookieOptions: { secure: false } };
  const open = ({ res }, request) => getIronSession(request, res, options);
  const change = async (request, edit) => {
    const session = await open(request, request);
    edit(session);
    await session.save();
    return answerOf(session);
  };
  const signIn = (request) =>
    change(request, (session) => Object.assign(session, contentOf(newUserId(), request.query.size)));
  return {
    create: signIn,
    read: async (request) => answerOf(await open(request, request)),
    change: (request) => change(request, (session) => void session.visits++),
    login: signIn,
    close: async () => undefined,
  };
}

/** By the names of `catalog.ts`. */
export const peers = {
  'express-session': async (settings) => expressSession(undefined, settings),
  'express-mysql-session': (settings) => mysqlSessions(settings, 'express_sessions', {}),
  'express-mysql-session (touch off)': (settings) =>
    mysqlSessions(settings, 'express_sessions_touch_off', { disableTouch: true }),
  'connect-typeorm': typeormSessions,
  'connect-redis': redisSessions,
  'session-file-store': fileSessions,
  'cookie-session': async (settings) => cookieSession(settings),
  'iron-session': async (settings) => ironSession(settings),
};
