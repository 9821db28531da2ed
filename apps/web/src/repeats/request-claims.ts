// The table of claimed requests and their answers.
import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { limits } from '../config/limits.js';
import type { Claim } from './claim.js';
import type { SessionChanges } from './session-changes.js';

/** What a handler has answered. Nest sends it the same way each time. */
export interface StoredAnswer {
  readonly status: number;
  /** Those that describe the answer; never a cookie. */
  readonly headers: Readonly<Record<string, string>>;
  /** The value that the handler returned, in JSON. */
  readonly body: string | undefined;
  readonly sessionChanges: SessionChanges;
}

/** The answer of an earlier try. */
export interface EarlierTry extends StoredAnswer {
  /** Whether it had the same query and body. */
  readonly isSame: boolean;
  readonly proxyKey: string | undefined;
}

interface Row {
  readonly content: Buffer;
  readonly proxy_key: string | null;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | null;
  readonly session_changes: Buffer;
}

/** Its methods belong into `cluster.inOneTransaction`. */
@Injectable()
export class RequestClaims {
  constructor(private readonly source: DataSource) {}

  /** Claims the request, or returns what an earlier try was answered. Waits while another try runs. */
  async take({ id, content, proxyKey }: Claim): Promise<EarlierTry | undefined> {
    const now = Date.now();
    try {
      await this.source.query(
        'INSERT INTO request_claims (id, content, proxy_key, created_at, expires_at) VALUES (?, ?, ?, ?, ?)',
        [id, content, proxyKey ?? null, now, now + limits.claimMs],
      );
      return undefined;
    } catch (error) {
      // ER_DUP_ENTRY
      if ((error as { driverError?: { errno?: number } }).driverError?.errno !== 1062) throw error;
    }
    const [row] = await this.source.query<Row[]>('SELECT * FROM request_claims WHERE id = ?', [id]);
    return {
      isSame: row.content.equals(content),
      proxyKey: row.proxy_key ?? undefined,
      status: row.status,
      headers: row.headers,
      body: row.body?.toString(),
      sessionChanges: JSON.parse(row.session_changes.toString()) as SessionChanges,
    };
  }

  /** Keeps the answer to the claimed request. @throws {Error} if it is too large */
  async answer({ id }: Claim, { status, headers, body, sessionChanges }: StoredAnswer): Promise<void> {
    const bytes = body === undefined ? null : Buffer.from(body);
    if (bytes && bytes.length > limits.claimBytes)
      throw new Error(
        `the answer of a claimed request has ${bytes.length} bytes, more than ${limits.claimBytes}: return less, such as an ` +
          'address to read it at, or let the handler count once by itself and say how with @Repeatable({ because })',
      );
    await this.source.query(
      'UPDATE request_claims SET status = ?, headers = ?, body = ?, session_changes = ? WHERE id = ?',
      [status, JSON.stringify(headers), bytes, Buffer.from(JSON.stringify(sessionChanges)), id],
    );
  }
}
