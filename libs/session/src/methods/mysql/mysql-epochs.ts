// Users' epochs in MySQL, each on its home node.
import type { RowDataPacket } from 'mysql2';
import { hide } from '../../core/hide.js';
import type { SessionEpochs } from '../../port/abilities.js';
import { guard, type DatabaseTransaction, type Parameter, type SessionDatabase } from './session-database.js';

interface Epoch extends RowDataPacket {
  epoch: number;
}
type Statement = [sql: string, parameters: readonly Parameter[]];

const SELECT = 'SELECT epoch FROM session_epochs WHERE user_id = ?';

const inserting = (userId: string, epoch: number, ignore = ''): Statement => [
  `INSERT ${ignore} INTO session_epochs (epoch, user_id) VALUES (?, ?)`,
  [epoch, userId],
];
const updating = (userId: string, before: number, epoch: number): Statement => [
  'UPDATE session_epochs SET epoch = ? WHERE user_id = ? AND epoch = ?',
  [epoch, userId, before],
];

export class MysqlEpochs implements SessionEpochs {
  constructor(private readonly database: SessionDatabase) {
    hide(this, 'database');
  }

  async epochOf(userId: string): Promise<number> {
    return (await this.stored(userId)) ?? 0;
  }

  async raiseEpoch(userId: string): Promise<number> {
    // Where somebody else was faster, or a first try of ours, one more step does no harm.
    for (;;) {
      const before = await this.stored(userId);
      const epoch = (before ?? 0) + 1;
      const [sql, parameters] =
        before === undefined ? inserting(userId, epoch, 'IGNORE') : updating(userId, before, epoch);
      const { affectedRows } = await this.write(userId, sql, parameters);
      if (affectedRows > 0) return epoch;
    }
  }

  /** The epoch, which nobody else on that node can raise before the transaction has ended. */
  async lockIn(transaction: DatabaseTransaction, userId: string): Promise<number | undefined> {
    const [row] = await transaction.read<Epoch>(`${SELECT} FOR UPDATE`, [userId]);
    return row?.epoch;
  }

  /** @throws what `isDuplicate` tells, when another has inserted the first one meanwhile */
  async setIn(
    transaction: DatabaseTransaction,
    userId: string,
    before: number | undefined,
    epoch: number,
  ): Promise<void> {
    await transaction.write(...(before === undefined ? inserting(userId, epoch) : updating(userId, before, epoch)));
  }

  private async stored(userId: string): Promise<number | undefined> {
    const [row] = await guard(this.database.read<Epoch>(SELECT, [userId], { key: userId }));
    return row?.epoch;
  }

  private write(key: string, sql: string, parameters: readonly Parameter[]) {
    return guard(this.database.write(sql, parameters, { key, everywhere: true }));
  }
}
