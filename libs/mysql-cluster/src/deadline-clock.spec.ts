// Deadlines pass in time, and never because this process itself was busy.
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { connect, createServer, type AddressInfo } from 'node:net';
import { Budget } from './budget.js';
import { DeadlineClock, pause, type Deadline } from './deadline-clock.js';

const block = (ms: number) => {
  const end = performance.now() + ms;
  while (performance.now() < end);
};

/** From now on time goes on only when this process is said to have been blocked. */
function standStill(): (ms: number) => void {
  let [tick, date] = [performance.now(), Date.now()];
  jest.spyOn(performance, 'now').mockImplementation(() => tick);
  jest.spyOn(Date, 'now').mockImplementation(() => date);
  return (ms) => {
    tick += ms;
    date += ms;
  };
}
afterEach(() => void jest.restoreAllMocks());

describe('DeadlineClock', () => {
  let stalls: number[];
  let clock: DeadlineClock;
  beforeEach(() => {
    stalls = [];
    clock = new DeadlineClock(300, (ms) => stalls.push(ms));
  });
  afterEach(() => clock.close());

  it('expires what is past its deadline, soon after it', async () => {
    const took: number[] = [];
    for (let i = 0; i < 5; i++) {
      const startedAt = performance.now();
      await pause(clock, 60);
      took.push(performance.now() - startedAt);
    }
    // Whatever else the machine does only makes it longer.
    expect(Math.min(...took)).toBeGreaterThanOrEqual(55);
    expect(Math.min(...took)).toBeLessThan(250);
  });

  it('does not count what this process itself was blocked, and tells of long stalls before anything else runs', () => {
    const pass = standStill();
    const here = new DeadlineClock(300, (ms) => stalls.push(ms));
    pass(200);
    expect(here.now()).toBeLessThanOrEqual(40);
    expect(stalls).toEqual([]);
    pass(350);
    expect(here.now()).toBeLessThanOrEqual(80);
    expect(stalls).toEqual([expect.closeTo(350)]);
    here.close();
  });

  it('abandons what waits when the process was frozen, before anybody is told the time', () => {
    const pass = standStill();
    const frozen = new DeadlineClock(100, () => undefined, 200);
    let abandoned = 0;
    frozen.register({ deadline: Infinity, expire: () => undefined, abandon: () => abandoned++ });
    const budget = new Budget(frozen, 60_000);
    pass(150);
    expect([frozen.freezes, abandoned, budget.left > 0]).toEqual([0, 0, true]);
    pass(250);
    expect([budget.left, frozen.freezes, abandoned]).toEqual([0, 1, 1]);
    expect(new Budget(frozen, 60_000).left).toBeGreaterThan(59_000);
    frozen.close();
  });

  it('reads what has arrived before it judges', async () => {
    const server = createServer((socket) => socket.end('answer'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const outcome = await new Promise<string>((resolve) => {
      const socket = connect((server.address() as AddressInfo).port, '127.0.0.1', () => {
        // The answer is on its way; it arrives while we are busy, past the deadline.
        const waiting: Deadline = { deadline: clock.now() + 10, expire: () => resolve('expired') };
        clock.register(waiting);
        socket.once('data', () => resolve('answered'));
        setTimeout(() => block(250), 0);
      });
    });
    server.close();
    expect(outcome).toBe('answered');
  });

  it('ends all waiting when it is closed', async () => {
    const waiting = pause(clock, 60_000);
    clock.close();
    await waiting;
  });
});
