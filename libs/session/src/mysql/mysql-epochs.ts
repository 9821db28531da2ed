// Users' epochs in MySQL, each on its home node.
import type { RowDataPacket } from 'mysql2';
import type { SessionEpochs } from '../store.js';
import { guard, type Parameter, type SessionDatabase } from './session-database.js';

export class MysqlEpochs implements SessionEpochs {
  constructor(private readonly database: SessionDatabase) {}

  async epochOf(userId: string): Promise<number> {
    return (await this.stored(userId)) ?? 0;
  }

  async raiseEpoch(userId: string): Promise<number> {
    // Where somebody else was faster, or a first try of ours, one more step does no harm.
    for (;;) {
      const before = await this.stored(userId);
      const epoch = (before ?? 0) + 1;
      const { affectedRows } =
        before === undefined
          ? await this.write(userId, 'INSERT IGNORE INTO session_epochs (epoch, user_id) VALUES (?, ?)', [
              epoch,
              userId,
            ])
          : await this.write(userId, 'UPDATE session_epochs SET epoch = ? WHERE user_id = ? AND epoch = ?', [
              epoch,
              userId,
              before,
            ]);
      if (affectedRows > 0) return epoch;
    }
  }

  private async stored(userId: string): Promise<number | undefined> {
    interface Epoch extends RowDataPacket {
      epoch: number;
    }
    const sql = 'SELECT epoch FROM session_epochs WHERE user_id = ?';
    const [row] = await guard(this.database.read<Epoch>(sql, [userId], { key: userId }));
    return row?.epoch;
  }

  private write(key: string, sql: string, parameters: readonly Parameter[]) {
    return guard(this.database.write(sql, parameters, { key, everywhere: true }));
  }
}
