// What is compared: three ways for the same route to keep a session.
import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import mysql from 'mysql2/promise';
import { MysqlCluster } from '@roam/mysql-cluster';
import { MysqlSessionStore, sessionTables } from '@roam/session/mysql';
import { SessionModule } from '@roam/session/nest';

/** MySQL connections of each variant: the cluster's default. */
const CONNECTIONS = 10;

/** About what a signed-in user's session holds. */
function contentOf(userId) {
  const item = (name, quantity, cents) => ({ name, quantity, cents, addedAt: Date.now() });
  return {
    user: { id: userId, email: `person-${userId}@example.com`, name: 'Ada Example', roles: ['customer'] },
    cart: [item('apple', 3, 120), item('bread', 1, 450), item('coffee', 2, 799)],
    visits: 0,
  };
}

/**
 * Each starts from the MySQL servers' urls. `create` begins a session and sets its cookie, `read` answers with one key
 * of it, `change` changes one key; `imports` are Nest modules that the server needs.
 */
export const variants = {
  /** No session at all: what Nest and Express alone cost. */
  async bare() {
    return {
      create: (request) => void request.res.cookie('sid', randomBytes(16).toString('hex')),
      read: () => ({ name: 'Ada Example' }),
      change: () => ({ visits: 1 }),
      close: async () => undefined,
    };
  },

  /** The least that keeps a session in MySQL: one statement by primary key to read, one more to change. No library. */
  async limit([url]) {
    const pool = mysql.createPool({ uri: url, connectionLimit: CONNECTIONS });
    await pool.query(`CREATE TABLE IF NOT EXISTS limit_sessions (
      id BINARY(16) NOT NULL PRIMARY KEY,
      data MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL
    )`);
    const idOf = (request) => Buffer.from(request.headers.cookie.slice('sid='.length), 'hex');
    const load = async (id) => {
      const [rows] = await pool.execute('SELECT data FROM limit_sessions WHERE id = ?', [id]);
      return JSON.parse(rows[0].data);
    };
    return {
      async create(request) {
        const id = randomBytes(16);
        const data = JSON.stringify(contentOf(id.toString('hex')));
        await pool.execute('INSERT INTO limit_sessions (id, data) VALUES (?, ?)', [id, data]);
        request.res.cookie('sid', id.toString('hex'));
      },
      read: async (request) => ({ name: (await load(idOf(request))).user.name }),
      async change(request) {
        const id = idOf(request);
        const session = await load(id);
        session.visits++;
        await pool.execute('UPDATE limit_sessions SET data = ? WHERE id = ?', [JSON.stringify(session), id]);
        return { visits: session.visits };
      },
      close: () => pool.end(),
    };
  },

  /** roam's mysql method, as an app uses it. */
  async mysql(urls) {
    // Longer deadlines than an app's: on a busy machine the limit, too, waits.
    const deadlines = { readTimeoutMs: 5000, writeTimeoutMs: 5000 };
    const cluster = await MysqlCluster.connect({ urls, connectionsPerNode: CONNECTIONS, ...deadlines });
    for (const statement of sessionTables) await cluster.write(statement, [], { everywhere: true });
    const store = new MysqlSessionStore(cluster);
    return {
      imports: [SessionModule.forRoot({ store, secrets: [randomBytes(32).toString('hex')], secure: false })],
      create({ session }) {
        const userId = randomBytes(16).toString('hex');
        Object.assign(session.bind({ userId, epoch: 0 }), contentOf(userId));
      },
      read: ({ session }) => ({ name: session.user.name }),
      change: ({ session }) => ({ visits: ++session.visits }),
      close: () => cluster.close(),
    };
  },
};
