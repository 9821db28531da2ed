// The budget of visitors' sessions on one web server.
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { limits } from '../config/limits.js';
import { VisitorSessions } from './visitor-sessions.js';

afterEach(() => void jest.restoreAllMocks());

function budget(sessionsPerAddress = 1_000, sessions = 100_000) {
  const lines: object[] = [];
  const throttle = { sessionsPerAddress, sessions, sharedAddresses: ['192.0.2.200'] };
  const visitors = new VisitorSessions({ throttle } as never, { warn: (line: object) => lines.push(line) } as never);
  const admitted = (ips: readonly string[]) => ips.filter((ip) => visitors.waitMs(ip) === 0).length;
  return { visitors, lines, admitted };
}

const times = (count: number, ip: string) => Array<string>(count).fill(ip);

describe("visitors' sessions", () => {
  it('are bounded from one address, 15,000 times, and not for another, nor in the next period', () => {
    const time = jest.spyOn(Date, 'now').mockReturnValue(1_000);
    const { visitors, admitted } = budget();
    expect(admitted(times(15_000, '198.51.100.1'))).toBe(1_000);
    expect(visitors.waitMs('198.51.100.2')).toBe(0);
    time.mockReturnValue(1_000 + limits.visitorSessionsMs - 1);
    expect(visitors.waitMs('198.51.100.1')).toBe(1);
    time.mockReturnValue(1_000 + limits.visitorSessionsMs);
    expect(visitors.waitMs('198.51.100.1')).toBe(0);
    // A clock that is set back locks nobody out.
    time.mockReturnValue(0);
    expect(admitted(times(1_500, '198.51.100.1'))).toBe(1_000);
  });

  it('count for a network of IPv6, whichever address of it they come from', () => {
    const { visitors, admitted } = budget(100);
    const ips = Array.from({ length: 300 }, (_, i) => `2001:db8:1:2::${i.toString(16)}`);
    expect(admitted(ips)).toBe(100);
    expect(visitors.waitMs('2001:db8:1:3::1')).toBe(0);
  });

  it('have a hundredfold of the room from an address that many share', () => {
    expect(budget(10).admitted(times(2_000, '192.0.2.200'))).toBe(1_000);
  });

  it('are bounded in all, from however many addresses', () => {
    const { admitted } = budget(10, 2_000);
    const ips = Array.from({ length: 5_000 }, (_, i) => `10.0.${i >> 8}.${i & 255}`);
    expect(admitted(ips)).toBe(2_000);
  });

  it('are counted in a table of fixed size, which refuses next to nobody else while 1,000 addresses have used up theirs', () => {
    const { admitted } = budget(20);
    const from = (network: number, count: number) =>
      Array.from({ length: count }, (_, i) => `10.${network}.${i >> 8}.${i & 255}`);
    for (let i = 0; i < 20; i += 1) admitted(from(1, 1_000));
    expect(admitted(from(1, 1_000))).toBe(0);
    expect(admitted(from(2, 1_000))).toBeGreaterThan(990);
  });

  it('are logged where they are refused, once a minute, with how many', () => {
    const time = jest.spyOn(Date, 'now').mockReturnValue(1_000);
    const { visitors, lines } = budget();
    for (let i = 0; i < 5; i += 1) visitors.noteRefused('rate');
    time.mockReturnValue(61_000);
    visitors.noteRefused('room');
    expect(lines).toEqual([
      { reason: 'rate', refused: 1 },
      { reason: 'room', refused: 5 },
    ]);
  });
});
