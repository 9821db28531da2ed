// The budget of new visitors' sessions: of one address and of all, counted in the memory of each web server.
import type { PinoLogger } from 'nestjs-pino';
import type { Config } from '../config/config.js';
import { limits } from '../config/limits.js';
import { CountSketch } from './count-sketch.js';
import { plainAddress } from '../config/plain-address.js';
import { addressKey } from '../http/subjects.js';

/** How often a line tells of visitors that were refused. Milliseconds. */
const LOG_MS = 60_000;

export class VisitorSessions {
  private readonly ofAddress = new CountSketch();
  private ofAll = 0;
  private startedAt = -Infinity;
  private refused = 0;
  private loggedAt = -Infinity;

  constructor(
    private readonly config: Pick<Config, 'throttle'>,
    private readonly logger: Pick<PinoLogger, 'warn'>,
  ) {}

  /**
   * Counts one more session of a visitor from this address, or tells how many milliseconds it must wait. Users are not
   * counted: nobody is kept from signing in by this.
   */
  waitMs(ip: string | undefined): number {
    const now = Date.now();
    const passed = now - this.startedAt;
    // The clock may have been set back.
    if (passed < 0 || passed >= limits.visitorSessionsMs) this.begin(now);
    const { sessions, sessionsPerAddress, sharedAddresses } = this.config.throttle;
    const rooms = sharedAddresses.includes(plainAddress(ip ?? '')) ? limits.sharedRoom : 1;
    const address = addressKey(ip);
    if (this.ofAll >= sessions || this.ofAddress.of(address) >= rooms * sessionsPerAddress)
      return this.startedAt + limits.visitorSessionsMs - now;
    this.ofAll += 1;
    this.ofAddress.add(address);
    return 0;
  }

  /** Logs that visitors were refused, once a minute at most. */
  noteRefused(reason: 'rate' | 'room'): void {
    this.refused += 1;
    const now = Date.now();
    if (Math.abs(now - this.loggedAt) < LOG_MS) return;
    const why =
      reason === 'rate'
        ? 'too many of them came from one address, or from all: see THROTTLE_SESSIONS_PER_ADDRESS and THROTTLE_SESSIONS'
        : 'the rest of the session store is for users';
    this.logger.warn({ reason, refused: this.refused }, `visitors were refused a session: ${why}`);
    [this.refused, this.loggedAt] = [0, now];
  }

  private begin(now: number): void {
    this.ofAddress.clear();
    this.ofAll = 0;
    this.startedAt = now;
  }
}
