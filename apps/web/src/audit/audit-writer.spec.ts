// The writer of the audit log: requests never wait for it, and a short outage of the database loses nothing.
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { auditEvent, type AuditEvent } from './audit-event.js';
import { AuditWriter } from './audit-writer.js';

beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['setImmediate'] });
});
afterEach(() => {
  jest.useRealTimers();
});

function writer(write: (rows: unknown[][]) => Promise<void>) {
  const [onFault, onDropped] = [jest.fn(), jest.fn()];
  const cluster = {
    write: async (_sql: string, [rows]: readonly unknown[]) => {
      await write(JSON.parse(rows as string) as unknown[][]);
      return { affectedRows: 1, repeated: false };
    },
  };
  return { writer: new AuditWriter({ cluster, onFault, onDropped }), onFault, onDropped };
}

const event = (): AuditEvent => auditEvent({ event: 'login', server: 'web1' });

describe('ASVS 16.2.1: AuditWriter', () => {
  it('writes many events with one statement, in order', async () => {
    const batches: unknown[][][] = [];
    const { writer: log } = writer(async (rows) => void batches.push(rows));
    const events = Array.from({ length: 150 }, event);
    for (const each of events) log.add(each);
    expect(batches).toHaveLength(0);
    await log.close();
    expect(batches.map((rows) => rows.length)).toEqual([100, 50]);
    expect(batches.flat().map(([id]) => id)).toEqual(events.map(({ id }) => id.toString('hex')));
  });

  it('tries again, less and less often, while the database is away', async () => {
    let tries = 0;
    const stored: unknown[] = [];
    const { writer: log, onFault } = writer(async (rows) => {
      tries += 1;
      if (tries < 4) throw new Error('away');
      stored.push(...rows);
    });
    log.add(event());
    await jest.advanceTimersByTimeAsync(0);
    log.add(event());
    await jest.advanceTimersByTimeAsync(600);
    expect(tries).toBe(3);
    await jest.advanceTimersByTimeAsync(200);
    await log.close();
    expect(stored).toHaveLength(2);
    expect(onFault).toHaveBeenCalledTimes(3);
  });

  it('keeps a bounded number, says what it dropped, and ends at a shutdown without database', async () => {
    const { writer: log, onDropped } = writer(() => Promise.reject(new Error('away')));
    for (let i = 0; i < 10_002; i += 1) log.add(event());
    expect(onDropped).toHaveBeenCalledWith(1);
    await log.close();
  });
});
