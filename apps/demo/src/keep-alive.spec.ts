// Keeping alive: what died is started again, and what is wanted gone stays gone.
import { describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { keepAlive } from './keep-alive.js';

describe('keepAlive', () => {
  it('starts again what died, once, and nothing after it was stopped', async () => {
    let alive = true;
    const deeds: string[] = [];
    const process = {
      name: 'nginx',
      kill: async () => void deeds.push('kill'),
      start: async () => {
        deeds.push('start');
        alive = true;
      },
    };
    const stop = keepAlive({ process, answers: async () => alive, onRestart: (reason) => deeds.push(reason) });
    alive = false;
    while (deeds.length < 3) await sleep(10);
    await sleep(600);
    expect(deeds).toEqual(['died', 'kill', 'start']);
    await stop();
    alive = false;
    await sleep(600);
    expect(deeds).toHaveLength(3);
  });
});
