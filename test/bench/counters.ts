// What MySQL counts by itself: the statements of all clients, and the transactions that wrote something.
import { createConnection, type RowDataPacket } from 'mysql2/promise';

export interface Counted {
  readonly statements: number;
  readonly commits: number;
}

const QUESTION = `SELECT variable_value AS statements, @@GLOBAL.gtid_executed AS gtids
  FROM performance_schema.global_status WHERE variable_name = 'Questions'`;

/** What requests cost, without what roam and this benchmark ask beside them. */
export interface CountedOfRequests extends Counted {
  /** Inserted, changed and deleted rows. */
  readonly rows: number;
}

// A connection's first use of a text (PREPARE), a look at the node, and the list of ended sessions, once in half a second.
const OF_REQUESTS = `SELECT @@GLOBAL.gtid_executed AS gtids,
  (SELECT SUM(count_star) FROM performance_schema.events_statements_summary_by_digest
    WHERE schema_name = DATABASE() AND digest_text NOT LIKE 'PREPARE %' AND digest_text NOT LIKE 'SET %'
      AND digest_text NOT LIKE '%@@GLOBAL%' AND digest_text NOT LIKE '%\`performance_schema\`%'
      AND digest_text NOT LIKE '%SELECT%FROM \`session_revocations\`%') AS statements,
  (SELECT SUM(count_write) FROM performance_schema.table_io_waits_summary_by_table
    WHERE object_schema = DATABASE()) AS \`rows\``;

/** Asks these MySQL servers, each by one connection that it keeps. */
export class Counters {
  private readonly connecting;
  /** MySQL counts our own questions, too. */
  private asked = 0;

  constructor(adminUrls: readonly string[]) {
    this.connecting = Promise.all(adminUrls.map((url) => createConnection(url)));
  }

  /** Counted so far, all servers together, but for what this asks. */
  async read(): Promise<Counted> {
    const own = ++this.asked;
    const answers = await Promise.all(
      (await this.connecting).map(async (connection) => {
        const [[row]] = await connection.query<(RowDataPacket & { statements: string; gtids: string })[]>(QUESTION);
        return { statements: Number(row.statements) - own, commits: transactionsIn(row.gtids) };
      }),
    );
    return {
      statements: answers.reduce((sum, each) => sum + each.statements, 0),
      // Every server of a group executes all of them.
      commits: Math.max(...answers.map(({ commits }) => commits)),
    };
  }

  /** The same of one server that has all the data, where only requests count. */
  async readOfRequests(): Promise<CountedOfRequests> {
    this.asked++;
    const [connection] = await this.connecting;
    const [[row]] =
      await connection.query<(RowDataPacket & { gtids: string; statements: string | null; rows: string | null })[]>(
        OF_REQUESTS,
      );
    return { statements: Number(row.statements), commits: transactionsIn(row.gtids), rows: Number(row.rows) };
  }

  /** What decides how a commit is kept. */
  async settings() {
    const [connection] = await this.connecting;
    const [[settings]] = await connection.query<RowDataPacket[]>(
      'SELECT VERSION() AS version, @@innodb_flush_log_at_trx_commit AS flushLogAtCommit, @@sync_binlog AS syncBinlog',
    );
    return settings;
  }

  async close(): Promise<void> {
    for (const connection of await this.connecting) connection.destroy();
  }
}

/** How many transactions a set of GTIDs has: `uuid:1-5:7,uuid:tag:3`. */
export function transactionsIn(gtids: string): number {
  const intervals = [...gtids.matchAll(/:(\d+)(?:-(\d+))?(?=[:,\s]|$)/g)];
  return intervals.reduce((sum, [, first, last = first]) => sum + Number(last) - Number(first) + 1, 0);
}
