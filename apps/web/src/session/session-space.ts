// The bytes of a session: what a visitor may put in, so that signing in always finds room.
import { Injectable } from '@nestjs/common';
import type { Session } from '@roam/session';
import { SessionManager } from '@roam/session/nest';
import { PinoLogger } from 'nestjs-pino';
import { limits } from '../config/limits.js';

/** What the app itself keeps in a session: `limits.signInBytes` has room for all of it. */
const ownKeys: ReadonlySet<string> = new Set(['passport', 'secondFactor', 'enrolment']);

@Injectable()
export class SessionSpace {
  constructor(
    private readonly sessions: SessionManager,
    private readonly logger: PinoLogger,
  ) {}

  /** Whether the session may hold this. What takes no more bytes than before always may. */
  fits(session: Session, key: string, value: unknown): boolean {
    const before = Object.fromEntries(carriedBy(session));
    const bytes = bytesOf({ ...before, [key]: value });
    return bytes + limits.signInBytes <= this.sessions.contentBytes || bytes <= bytesOf(before);
  }

  /**
   * Before a step of signing in puts this into the session: what the visitor carries must not prevent it. If there is no room,
   * as in a session that an earlier release has filled, the visitor's content is left out, the largest first.
   */
  makeRoom(session: Session, added: Readonly<Record<string, unknown>>): void {
    const bytes = bytesOf({ ...session, ...added });
    let excess = bytes - this.sessions.contentBytes;
    if (excess <= 0) return;
    const carried = carriedBy(session).map(([key, value]) => [key, bytesOf({ [key]: value }) - 1] as const);
    let left = 0;
    for (const [key, size] of carried.sort(([, a], [, b]) => b - a)) {
      if (excess <= 0) break;
      delete session[key];
      excess -= size;
      left += 1;
    }
    this.logger.warn(
      { bytes, contentBytes: this.sessions.contentBytes, keys: left },
      'a sign-in left out the largest entries of what the visitor had put into the session: there was no room for them',
    );
  }
}

function carriedBy(session: Session): [string, unknown][] {
  return Object.entries(session).filter(([key]) => !ownKeys.has(key));
}

function bytesOf(content: object): number {
  return Buffer.byteLength(JSON.stringify(content));
}
