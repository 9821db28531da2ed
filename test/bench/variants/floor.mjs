// The variants without a session library: nothing at all, and the least that MySQL allows.
import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import mysql from 'mysql2/promise';
import { answerOf, contentOf, newUserId } from './content.mjs';

/** No session at all: what Nest and Express alone cost. */
export async function bare() {
  const setCookie = ({ res }) => {
    res.cookie('sid', randomBytes(16).toString('hex'), { httpOnly: true, sameSite: 'lax' });
    return { user: 'nobody', visits: 0 };
  };
  return {
    create: setCookie,
    read: () => ({ user: 'nobody', visits: 0 }),
    change: () => ({ user: 'nobody', visits: 1 }),
    login: setCookie,
    close: async () => undefined,
  };
}

/**
 * The least that keeps a session in MySQL: one statement by primary key to read, one more to change, one to sign in.
 * No library.
 */
export async function limit({ urls: [url], connections }) {
  const pool = mysql.createPool({ uri: url, connectionLimit: connections });
  await pool.query(`CREATE TABLE IF NOT EXISTS limit_sessions (
    id BINARY(16) NOT NULL PRIMARY KEY,
    data MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL
  )`);
  const idOf = (request) => Buffer.from(request.headers.cookie.slice('sid='.length), 'hex');
  const load = async (id) => {
    const [rows] = await pool.execute('SELECT data FROM limit_sessions WHERE id = ?', [id]);
    return JSON.parse(rows[0].data);
  };
  /** Runs a statement that puts a new session under a new id. */
  const begin = async (request, sql, oldId = []) => {
    const id = randomBytes(16);
    const session = contentOf(newUserId(), request.query.size);
    await pool.execute(sql, [id, JSON.stringify(session), ...oldId]);
    request.res.cookie('sid', id.toString('hex'), { httpOnly: true, sameSite: 'lax' });
    return answerOf(session);
  };
  return {
    create: (request) => begin(request, 'INSERT INTO limit_sessions (id, data) VALUES (?, ?)'),
    read: async (request) => answerOf(await load(idOf(request))),
    async change(request) {
      const id = idOf(request);
      const session = await load(id);
      session.visits++;
      await pool.execute('UPDATE limit_sessions SET data = ? WHERE id = ?', [JSON.stringify(session), id]);
      return answerOf(session);
    },
    login: (request) => begin(request, 'UPDATE limit_sessions SET id = ?, data = ? WHERE id = ?', [idOf(request)]),
    close: () => pool.end(),
  };
}
