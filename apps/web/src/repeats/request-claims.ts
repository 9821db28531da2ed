// The table of claimed requests and their answers.
import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Config } from '../config/config.js';
import { limits } from '../config/limits.js';
import { isDuplicate } from '../database/is-duplicate.js';
import { SecretBox } from '../database/secret-box.js';
import type { Claim } from './claim.js';
import type { SessionChanges } from './session-changes.js';

/** What a handler has answered. Nest sends it the same way each time. */
export interface StoredAnswer {
  readonly status: number;
  /** Those that describe the answer; never a cookie. */
  readonly headers: Readonly<Record<string, string>>;
  /** The value that the handler returned; missing if it returned nothing. */
  readonly body?: unknown;
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
  readonly answer: Buffer;
}

/** Its methods belong into `cluster.inOneTransaction`. */
@Injectable()
export class RequestClaims {
  /** An answer, and what was put into the session, may hold what only its user may read. */
  private readonly box: SecretBox;

  constructor(
    private readonly source: DataSource,
    config: Config,
  ) {
    this.box = new SecretBox(config.session.secrets, 'roam request claims');
  }

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
      if (!isDuplicate(error)) throw error;
    }
    const [row] = await this.source.query<Row[]>('SELECT * FROM request_claims WHERE id = ?', [id]);
    const { secret } = this.box.open(id.toString('hex'), row.answer);
    return {
      ...(JSON.parse(secret.toString()) as StoredAnswer),
      isSame: row.content.equals(content),
      proxyKey: row.proxy_key ?? undefined,
    };
  }

  /** Keeps the answer to the claimed request. @throws {Error} if it is too large */
  async answer({ id }: Claim, answer: StoredAnswer): Promise<void> {
    const text = Buffer.from(JSON.stringify(answer));
    if (text.length > limits.claimBytes)
      throw new Error(
        `the answer of a claimed request has ${text.length} bytes, more than ${limits.claimBytes}: return less, such as an ` +
          'address to read it at, or let the handler count once by itself and say how with @Repeatable({ because })',
      );
    const sealed = this.box.seal(id.toString('hex'), text);
    await this.source.query('UPDATE request_claims SET answer = ? WHERE id = ?', [sealed, id]);
  }
}
