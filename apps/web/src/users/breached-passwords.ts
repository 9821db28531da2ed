// Checks new passwords with a service that knows breached ones; it learns five digits of a hash.
import { Injectable } from '@nestjs/common';
import { PinoLogger } from 'nestjs-pino';
import { createHash } from 'node:crypto';
import { Config } from '../config/config.js';
import { limits } from '../config/limits.js';
import { siteName } from '../config/site.js';

type BreachCheck = 'breached' | 'not found' | 'unavailable';

/**
 * Uses the range API of "Have I Been Pwned", or a copy of it: `GET PREFIX` returns the ends of all known SHA-1 hashes
 * that begin with these five hexadecimal digits, about 800 (k-anonymity). Only if the site names one
 * (`BREACHED_PASSWORDS_URL`); the list that comes with the app is always checked.
 */
@Injectable()
export class BreachedPasswords {
  /** Called with the result of each check. */
  onChecked: (result: BreachCheck) => void = () => undefined;
  /** The time limit of an answer in milliseconds; for tests. */
  timeoutMs: number = limits.breachMs;

  constructor(
    private readonly config: Config,
    private readonly logger: PinoLogger,
  ) {}

  /** Whether the service knows this (normalised) password. False, with a log line, if it does not answer in time. */
  async has(password: string): Promise<boolean> {
    const { breachedPasswordsUrl: url } = this.config.accounts;
    if (url === undefined) return false;
    const result = await this.check(url, password).catch((error: unknown) => {
      this.logger.warn(
        { err: error },
        'the breached-password service failed: a new password is accepted without this check; see BREACHED_PASSWORDS_URL',
      );
      return 'unavailable' as const;
    });
    this.onChecked(result);
    return result === 'breached';
  }

  private async check(url: string, password: string): Promise<BreachCheck> {
    const hash = createHash('sha1').update(password).digest('hex').toUpperCase();
    const [prefix, suffix] = [hash.slice(0, 5), hash.slice(5)];
    const answer = await fetch(url + prefix, {
      // Padding hides the number of lines, and so the prefix, from an observer of the connection.
      headers: { 'Add-Padding': 'true', 'User-Agent': siteName },
      redirect: 'error',
      signal: AbortSignal.timeout(this.timeoutMs),
    });
    if (!answer.ok) {
      await answer.body?.cancel();
      throw new Error(`the breached-password service answered ${answer.status}`);
    }
    // Lines `SUFFIX:COUNT`; padding has the count 0.
    const line = (await answer.text()).split(/\r?\n/).find((each) => each.toUpperCase().startsWith(`${suffix}:`));
    return line !== undefined && Number(line.slice(suffix.length + 1)) > 0 ? 'breached' : 'not found';
  }
}
