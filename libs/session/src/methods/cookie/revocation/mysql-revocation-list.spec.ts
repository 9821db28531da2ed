// How the list in MySQL is put together from several nodes, and what it does when looks fail: nodes of this process.
import { afterEach, describe, expect, it } from '@jest/globals';
import type { RowDataPacket } from 'mysql2';
import { setTimeout as sleep } from 'node:timers/promises';
import { StoreUnavailableError } from '../../../core/errors.js';
import type { SessionDatabase } from '../../mysql/session-database.js';
import { MysqlRevocationList } from './mysql-revocation-list.js';

const until = Date.now() + 3_600_000;
const PAGE = 5000;

/** Nodes that hold these numbers, and answer as MySQL does. */
class Nodes implements SessionDatabase {
  isDown = false;
  looks = 0;

  constructor(readonly numbers: number[][]) {}

  async readAll<T extends RowDataPacket>(_sql: string, [from]: readonly unknown[]): Promise<T[][]> {
    this.looks++;
    if (this.isDown) throw new Error('on purpose');
    return this.numbers.map((numbers) => {
      const after = numbers.filter((seq) => seq > (from as number)).slice(0, PAGE);
      return after.map((seq) => ({ seq, subject: `handle-${seq}`, epoch: null, ends_at: until, settled: 1 }) as never);
    });
  }
  read = () => Promise.reject(new Error('not asked for'));
  write = () => Promise.reject(new Error('on purpose'));
}

describe('the revocation list of several nodes', () => {
  let list: MysqlRevocationList | undefined;
  afterEach(() => list?.close());

  it('is what any of them has, however the pieces fall', async () => {
    const all = Array.from({ length: 13_000 }, (_, i) => i + 1);
    const nodes = new Nodes([
      all.filter((seq) => seq % 7 !== 0),
      all.filter((seq) => seq % 5 !== 0),
      all.filter((seq) => seq > 9000),
    ]);
    list = await MysqlRevocationList.open({ database: nodes });
    expect(all.filter((seq) => !list!.isRevoked(`handle-${seq}`))).toEqual(
      all.filter((seq) => seq % 35 === 0 && seq <= 9000),
    );
  });

  it('is asked once for all requests that find it too old, and for none that do not', async () => {
    const nodes = new Nodes([[]]);
    list = await MysqlRevocationList.open({ database: nodes, followMs: 3_600_000, maxAgeMs: 1000 });
    await Promise.all(Array.from({ length: 50 }, () => list!.ensureFresh()));
    expect(nodes.looks).toBe(1);
    await sleep(1010);
    await Promise.all(Array.from({ length: 50 }, () => list!.ensureFresh()));
    expect(nodes.looks).toBe(2);
  });

  it('goes on looking after looks that failed, tells of them, and counts no revocation that is not written', async () => {
    const faults: unknown[] = [];
    const nodes = new Nodes([[1]]);
    list = await MysqlRevocationList.open({
      database: nodes,
      followMs: 10,
      maxAgeMs: 50,
      onFault: (error) => faults.push(error),
    });
    await expect(list.revoke('mine', until)).rejects.toThrow(StoreUnavailableError);
    expect(list.isRevoked('mine')).toBe(false);
    nodes.isDown = true;
    await sleep(100);
    await expect(list.ensureFresh()).rejects.toThrow(StoreUnavailableError);
    expect(faults[0]).toBeInstanceOf(StoreUnavailableError);
    nodes.isDown = false;
    nodes.numbers[0].push(2);
    const end = Date.now() + 3000;
    while (!list.isRevoked('handle-2') && Date.now() < end) await sleep(5);
    expect(list.isRevoked('handle-2')).toBe(true);
    await list.ensureFresh();
  });

  it('does not believe a clock that stands still or goes back', async () => {
    const nodes = new Nodes([[]]);
    list = await MysqlRevocationList.open({ database: nodes, followMs: 3_600_000, maxAgeMs: 1000 });
    const now = Date.now;
    try {
      Date.now = () => now() + 5000;
      await list.ensureFresh();
      expect(nodes.looks).toBe(2);
      Date.now = () => now() - 3_600_000;
      await sleep(1010);
      await list.ensureFresh();
      expect(nodes.looks).toBe(3);
    } finally {
      Date.now = now;
    }
  });
});
