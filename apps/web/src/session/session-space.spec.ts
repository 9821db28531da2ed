// The room that is kept in a session for signing in.
import { describe, expect, it } from '@jest/globals';
import type { Session } from '@roam/session';
import { withinBytes } from '../auth/within-bytes.js';
import { limits } from '../config/limits.js';
import { SessionSpace } from './session-space.js';

const contentBytes = 2_600;
const bytesOf = (content: object) => Buffer.byteLength(JSON.stringify(content));

function spaceOf() {
  const lines: object[] = [];
  const space = new SessionSpace({ contentBytes } as never, { warn: (line: object) => lines.push(line) } as never);
  return { space, lines };
}

describe('the room for signing in', () => {
  it('is enough for the longest user who waits for a second step while an app is being set up', () => {
    const id = '00000000-0000-0000-0000-000000000000';
    const user = {
      id,
      // Of each unit of UTF-16 at most three bytes.
      email: '語'.repeat(254),
      name: '語'.repeat(100),
      roles: ['admin'],
      authenticatedAt: 1_700_000_000_000,
      userAgent: withinBytes('"ÿ'.repeat(1_000), limits.userAgentBytes),
      ip: 'ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255',
      mustEnrol: true,
    };
    const pending = { userId: id, epoch: 4_294_967_295, remember: false, returnTo: 'x'.repeat(limits.returnToBytes) };
    const all = {
      passport: { user },
      secondFactor: { ...pending, endsAt: 1_700_000_000_000 },
      enrolment: 'e'.repeat(100),
    };
    expect(bytesOf(all)).toBeLessThan(limits.signInBytes);
  });

  it('is left by what a visitor may put in, to the byte, whether signed in or not', () => {
    const { space } = spaceOf();
    const own = { passport: { user: { name: 'x'.repeat(1_000) } } };
    for (const session of [{}, own] as unknown as Session[]) {
      const full = contentBytes - limits.signInBytes - bytesOf({ note: '' });
      expect(space.fits(session, 'note', 'n'.repeat(full))).toBe(true);
      expect(space.fits(session, 'note', 'n'.repeat(full + 1))).toBe(false);
      // In bytes and not in characters.
      expect(space.fits(session, 'note', 'é'.repeat(Math.floor(full / 2) + 1))).toBe(false);
    }
    // What an earlier release has put in may become smaller.
    const full = { note: 'n'.repeat(2_000), other: 1 } as unknown as Session;
    expect([space.fits(full, 'note', 'n'.repeat(1_999)), space.fits(full, 'other', 10)]).toEqual([true, false]);
  });

  it("is made by leaving out the largest of the visitor's content, never the app's own, and is logged", () => {
    const { space, lines } = spaceOf();
    const session = {
      secondFactor: 's'.repeat(300),
      enrolment: 'e'.repeat(900),
      small: 'a',
      large: 'l'.repeat(900),
      middle: 'm'.repeat(400),
    } as unknown as Session;
    const passport = { user: 'u'.repeat(1_000) };
    space.makeRoom(session, { passport });
    expect(Object.keys(session)).toEqual(['secondFactor', 'enrolment', 'small']);
    expect(bytesOf({ ...session, passport })).toBeLessThanOrEqual(contentBytes);
    expect(lines).toEqual([{ bytes: expect.any(Number), contentBytes, keys: 2 }]);
    space.makeRoom(session, { passport });
    expect(lines).toHaveLength(1);
  });
});
