// Users' epochs in MySQL, each on its home node.
import type { RowDataPacket } from 'mysql2';
import type { SessionEpochs } from '../store.js';
import { guard, type Parameter, type SessionDatabase } from './session-database.js';

export class MysqlEpochs implements SessionEpochs {
  constructor(private readonly database: SessionDatabase) {}

  async epochOf(userId: string): Promise<number> {
    interface Epoch extends RowDataPacket {
      epoch: number;
    }
    const sql = 'SELECT epoch FROM session_epochs WHERE user_id = ?';
    const [row] = await guard(this.database.read<Epoch>(sql, [userId], { key: userId }));
    return row?.epoch ?? 0;
  }

  async raiseEpoch(userId: string): Promise<number> {
    await this.write(userId, 'INSERT IGNORE INTO session_epochs (user_id, epoch) VALUES (?, 0)', [userId], false);
    for (;;) {
      const epoch = (await this.epochOf(userId)) + 1;
      const sql = 'UPDATE session_epochs SET epoch = ? WHERE user_id = ? AND epoch = ?';
      // Where somebody else was faster, or a first try of ours, one more step does no harm.
      const { affectedRows } = await this.write(userId, sql, [epoch, userId, epoch - 1], true);
      if (affectedRows > 0) return epoch;
    }
  }

  private write(key: string, sql: string, parameters: readonly Parameter[], everywhere: boolean) {
    return guard(this.database.write(sql, parameters, { key, everywhere }));
  }
}
