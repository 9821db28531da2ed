// The web servers' names, so that /cluster can lead from one to another. Only where servers may be shown.
import { Injectable } from '@nestjs/common';
import { MysqlCluster } from '@roam/mysql-cluster';
import type { RowDataPacket } from 'mysql2';
import { PinoLogger } from 'nestjs-pino';
import { Config } from '../config/config.js';
import { limits } from '../config/limits.js';

/**
 * A server that announced itself. One that was killed stays listed until a server of its name comes back, or for
 * `limits.listedMs`.
 */
export interface ListedServer {
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly since: number;
}

@Injectable()
export class ServersService {
  constructor(
    private readonly config: Config,
    private readonly cluster: MysqlCluster,
    private readonly logger: PinoLogger,
  ) {}

  announce(): Promise<void> {
    return this.note('REPLACE INTO servers (name, since) VALUES (?, ?)', [this.config.server.name, Date.now()]);
  }

  withdraw(): Promise<void> {
    return this.note('DELETE FROM servers WHERE name = ?', [this.config.server.name]);
  }

  async list(): Promise<ListedServer[]> {
    const rows = await this.cluster.read<RowDataPacket & ListedServer>(
      'SELECT name, since FROM servers WHERE since > ? ORDER BY name LIMIT 100',
      [Date.now() - limits.listedMs],
    );
    return rows.map(({ name, since }) => ({ name, since: Number(since) }));
  }

  /** A list that is not quite right is no reason to fail. */
  private async note(sql: string, parameters: (string | number)[]): Promise<void> {
    if (!this.config.server.show) return;
    try {
      await this.cluster.write(sql, parameters);
    } catch (error) {
      this.logger.warn({ err: error }, 'could not update the list of web servers: /cluster may show an outdated list');
    }
  }
}
