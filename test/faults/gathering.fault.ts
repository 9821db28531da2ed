// Statements that go together, while one of them is held up, rolled back, moved or not sent: the other sessions wait no longer
// than where each statement goes alone.
import { join } from 'node:path';
import { expect, it, jest } from '@jest/globals';
import { projectDir, startStack, type Stack } from '@roam/local-stack';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { expectHarmless } from './expect-outcome.js';
import { conflicts, freezeGathered, lockSessions, moveHomes } from './gathering-nemeses.js';
import { Scene } from './scene.js';

jest.setTimeout(30 * 60_000);

/** What two measurements of the same thing differ by. */
const NOISE = 1.25;
const NOISE_MS = 20;

it.each([lockSessions, conflicts, moveHomes, freezeGathered])('$name', async (fault) => {
  const alone = await withStack('ungathered', async (stack) => {
    const { othersP99 } = await new Scene({ stack, method: 'mysql' }).run(fault);
    expect(await gathered(stack)).toEqual({ changes: 0, largeReads: 0 });
    return othersP99;
  });
  await withStack('stop-gathered', async (stack) => {
    const { othersP99 } = await expectHarmless(new Scene({ stack, method: 'mysql' }), fault, { ungatheredP99: alone });
    const { changes, largeReads } = await gathered(stack);
    process.stderr.write(`p99 of others ${othersP99} ms; one by one ${alone} ms\n`);
    expect(changes).toBeGreaterThan(0);
    if (fault === moveHomes) expect(largeReads).toBeGreaterThan(0);
    expect(othersP99).toBeLessThanOrEqual(alone * NOISE + NOISE_MS);
  });
});

/** @param module of test/support, which the web servers load */
async function withStack<T>(module: string, work: (stack: Stack) => Promise<T>): Promise<T> {
  const preload = join(projectDir, `test/support/${module}.mjs`);
  const stack = await startStack({ preload, env: { SESSION_METHOD: 'mysql' } });
  try {
    return await work(stack);
  } finally {
    await stack.stop();
  }
}

/** How many statements have changed several sessions, and how many were of the largest size of a read, for 17 to 32. */
async function gathered({ databases }: Stack): Promise<{ changes: number; largeReads: number }> {
  const sum = { changes: 0, largeReads: 0 };
  for (const { adminUrl } of databases.nodes) {
    const admin = await createConnection(adminUrl);
    const [rows] = await admin.query<(RowDataPacket & { text: string; count: number })[]>(
      `SELECT SQL_TEXT AS text, COUNT_EXECUTE AS count FROM performance_schema.prepared_statements_instances
       WHERE SQL_TEXT LIKE '%sessions%'`,
    );
    admin.destroy();
    for (const { text, count } of rows) {
      if (text.includes('JSON_TABLE')) sum.changes += Number(count);
      if (/WHERE s\.id IN \((\?,){31}\?\)/.test(text)) sum.largeReads += Number(count);
    }
  }
  return sum;
}
