// Fills the session table of one MySQL server: the rows of `Generated`, made by the server itself.
import { sessionTables } from '@roam/session/mysql';
import { LIFETIME_MS, SPREAD_MS, USERS_PER_EPOCH } from './content.mjs';

const HOUR = 3_600_000;
/** Rows of one statement. */
const CHUNK = 100_000;

/** @param connection by an account with all rights; it is on the table's database afterwards */
export async function fill(connection, database, generated, say) {
  await connection.query(`CREATE DATABASE ${database}`);
  await connection.query(`USE ${database}`);
  for (const statement of sessionTables) await connection.query(statement);
  // What is generated is not to be replicated, and none of it is there twice.
  await connection.query('SET SESSION sql_log_bin = 0, unique_checks = 0, cte_max_recursion_depth = 1000000');
  const { count, users } = generated;
  for (let from = 0; from < count; from += CHUNK) {
    await insertSessions(connection, generated, from, Math.min(from + CHUNK, count));
    if ((from / CHUNK) % 10 === 9) say(`${database}: ${from + CHUNK} rows`);
  }
  for (let from = 0; from < users; from += CHUNK)
    await connection.query(
      `INSERT INTO session_epochs (user_id, epoch) ${numbers(from, Math.min(from + CHUNK, users))}
        SELECT ${userId('n')}, 1 FROM numbers WHERE n % ${USERS_PER_EPOCH} = 0`,
    );
  await connection.query('ANALYZE TABLE sessions, session_epochs');
  await connection.query('SET SESSION sql_log_bin = 1');
}

/** Rows that have ended, for a sweep: as many as that, older than all others. */
export async function fillExpired(connection, generated, amount) {
  const id = `CONCAT(LPAD(LOWER(HEX(${generated.start} - ${HOUR} + n DIV 100)), 12, '0'), LEFT(SHA2(CONCAT('ended ', n), 256), 20))`;
  const endedAt = Date.now() - HOUR;
  await connection.query('SET SESSION cte_max_recursion_depth = 1000000');
  await connection.query(
    `INSERT INTO sessions (id, version, head, payload, idle_ends_at, ends_at, sweep_at, user_id, epoch)
      ${numbers(0, amount)} SELECT UNHEX(${id}), 1, ${head('n', generated.start)}, ?, ${endedAt}, ${endedAt}, ${endedAt} - n,
        ${userId(`n * 7919 % ${generated.users}`)}, 0 FROM numbers`,
    [generated.payload],
  );
}

async function insertSessions(connection, generated, from, to) {
  const { start, stepMicros, users, payload } = generated;
  const createdAt = `(${start} + n * ${stepMicros} DIV 1000)`;
  const user = `(n % ${users})`;
  const idleEndsAt = `(${start + SPREAD_MS + HOUR} + n * 7919 % 1000003 * 1209)`;
  await connection.query(
    `INSERT INTO sessions (id, version, head, payload, idle_ends_at, ends_at, sweep_at, user_id, epoch)
      ${numbers(from, to)}
      SELECT UNHEX(CONCAT(LPAD(LOWER(HEX(${createdAt})), 12, '0'), LEFT(SHA2(CONCAT('id ', n), 256), 20))), 1,
        ${head('n', createdAt)}, ?, ${idleEndsAt}, ${createdAt} + ${LIFETIME_MS}, ${idleEndsAt},
        ${userId(user)}, ${user} % ${USERS_PER_EPOCH} = 0 FROM numbers`,
    [payload],
  );
}

function head(n, createdAt) {
  return `CONCAT('{"secrets":{"current":"', LEFT(SHA2(CONCAT('secret ', ${n}), 256), 43), '","since":', ${createdAt},
    '},"writes":["', LEFT(SHA2(CONCAT('write ', ${n}), 256), 8), '"]}')`;
}

const userId = (user) => `LEFT(SHA2(CONCAT('user ', ${user}), 256), 36)`;

const numbers = (from, to) =>
  `WITH RECURSIVE numbers AS (SELECT ${from} AS n UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < ${to})`;
