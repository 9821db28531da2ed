// The list of web servers in the database: their names, their readiness, and the lease of their replacement.
import { Injectable } from '@nestjs/common';
import { MysqlCluster } from '@roam/mysql-cluster';
import type { RowDataPacket } from 'mysql2';
import { PinoLogger } from 'nestjs-pino';
import { Config } from '../config/config.js';
import { limits } from '../config/limits.js';
import { databaseNow, shortenLease, takeLease } from '../database/lease.js';
import type { Turns } from '../lifecycle/replacement.js';

/**
 * A web server that announced itself. A killed one stays listed until a server of its name starts, or for
 * `limits.listedMs`.
 */
export interface ListedServer {
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly since: number;
  /** Whether it announced itself lately. */
  readonly ready: boolean;
}

const lease = 'replacement';

@Injectable()
export class ServersService implements Turns {
  private readonly since = Date.now();

  constructor(
    private readonly config: Config,
    private readonly cluster: MysqlCluster,
    private readonly logger: PinoLogger,
  ) {}

  /** Announces that this server is ready. Must be repeated, or the server counts as lost. */
  async announce(): Promise<void> {
    await this.cluster.write(
      `INSERT INTO servers (name, since, ready_at) VALUES (?, ?, ${databaseNow})
       ON DUPLICATE KEY UPDATE since = VALUES(since), ready_at = VALUES(ready_at)`,
      [this.config.server.name, this.since],
    );
  }

  /** An outdated list is no reason to fail. */
  async withdraw(): Promise<void> {
    try {
      await this.cluster.write('DELETE FROM servers WHERE name = ?', [this.config.server.name]);
    } catch (error) {
      this.logger.warn({ err: error }, 'could not update the list of web servers: /cluster may show an outdated list');
    }
  }

  async list(): Promise<ListedServer[]> {
    const rows = await this.cluster.read<RowDataPacket & { name: string; since: number; ready: number }>(
      `SELECT name, since, ready_at > ${databaseNow} - ? AS ready FROM servers WHERE since > ? ORDER BY name LIMIT 100`,
      [limits.readyMs, Date.now() - limits.listedMs],
    );
    return rows.map(({ name, since, ready }) => ({ name, since: Number(since), ready: ready === 1 }));
  }

  async othersAreReady(): Promise<boolean> {
    const others = await this.cluster.read<RowDataPacket & { readonly ready: number }>(
      `SELECT ready_at > ${databaseNow} - ? AS ready FROM servers WHERE name <> ? AND ready_at > ${databaseNow} - ?`,
      [limits.readyMs, this.config.server.name, limits.missedMs],
    );
    return others.length > 0 && others.every(({ ready }) => ready === 1);
  }

  takeTurn(): Promise<boolean> {
    return takeLease(this.cluster, lease, this.config.server.name, limits.replacementLostMs);
  }

  endTurn(): Promise<void> {
    const { replacementLostMs, replacementMs } = limits;
    return shortenLease(this.cluster, lease, this.config.server.name, replacementLostMs - replacementMs);
  }
}
