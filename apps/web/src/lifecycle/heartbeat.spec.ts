// The heartbeat: the first call after a pause detects it, and the time includes it.
import { afterEach, describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { Heartbeat } from './heartbeat.js';

const block = (ms: number) => {
  const end = performance.now() + ms;
  while (performance.now() < end);
};

let heartbeat: Heartbeat;
afterEach(() => heartbeat.stop());

describe('Heartbeat', () => {
  it('tells of a standstill before it says the time, and once', async () => {
    // Longer than a machine is likely to pause by itself.
    heartbeat = new Heartbeat(2000);
    const gaps: number[] = [];
    heartbeat.onPause = (ms) => gaps.push(ms);
    const before = heartbeat.now();
    block(2100);
    expect(heartbeat.now() - before).toBeGreaterThanOrEqual(2099);
    expect(gaps).toHaveLength(1);
    await sleep(50);
    expect(gaps).toHaveLength(1);
    expect(gaps[0]).toBeGreaterThanOrEqual(2000);
  });

  it('knows since when nobody has looked at the sockets', async () => {
    heartbeat = new Heartbeat(10_000);
    await sleep(50);
    block(150);
    expect(heartbeat.now() - heartbeat.unreadSince).toBeGreaterThanOrEqual(150);
    let unread = Infinity;
    for (let i = 0; i < 20 && unread >= 150; i++) {
      await sleep(100);
      unread = heartbeat.now() - heartbeat.unreadSince;
    }
    expect(unread).toBeLessThan(150);
  });
});
