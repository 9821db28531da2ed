// What MySQL counts by itself: the statements of all clients, and the transactions that wrote something.
import mysql from 'mysql2/promise';

const QUESTION = `SELECT variable_value AS statements, @@GLOBAL.gtid_executed AS gtids
  FROM performance_schema.global_status WHERE variable_name = 'Questions'`;

/** Asks these MySQL servers, each by one connection that it keeps. */
export class Counters {
  /** MySQL counts our own questions, too. */
  asked = 0;

  constructor(adminUrls) {
    this.connecting = Promise.all(adminUrls.map((url) => mysql.createConnection(url)));
  }

  /** Counted so far, all servers together, but for what this asks. */
  async read() {
    const own = ++this.asked;
    const answers = await Promise.all(
      (await this.connecting).map(async (connection) => {
        const [[{ statements, gtids }]] = await connection.query(QUESTION);
        return { statements: Number(statements) - own, commits: transactionsIn(gtids) };
      }),
    );
    return {
      statements: answers.reduce((sum, each) => sum + each.statements, 0),
      // Every server of a group executes all of them.
      commits: Math.max(...answers.map(({ commits }) => commits)),
    };
  }

  async settings() {
    const [connection] = await this.connecting;
    const [[settings]] = await connection.query(
      'SELECT VERSION() AS version, @@innodb_flush_log_at_trx_commit AS flushLogAtCommit, @@sync_binlog AS syncBinlog',
    );
    return settings;
  }

  async close() {
    for (const connection of await this.connecting) connection.destroy();
  }
}

/** How many transactions a set of GTIDs has: `uuid:1-5:7,uuid:3`. */
function transactionsIn(gtids) {
  const intervals = [...gtids.matchAll(/:(\d+)(?:-(\d+))?/g)];
  return intervals.reduce((sum, [, first, last = first]) => sum + Number(last) - Number(first) + 1, 0);
}
