// The supervisor: what died is started again, and what was stopped on purpose stays stopped.
import { describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { supervise } from './supervise.js';

describe('supervise', () => {
  it('starts again what died, once, and nothing after it was stopped', async () => {
    let alive = true;
    const actions: string[] = [];
    const process = {
      name: 'nginx',
      kill: async () => void actions.push('kill'),
      start: async () => {
        actions.push('start');
        alive = true;
      },
    };
    const stop = supervise({ process, answers: async () => alive, onRestart: (reason) => actions.push(reason) });
    alive = false;
    while (actions.length < 3) await sleep(10);
    await sleep(600);
    expect(actions).toEqual(['died', 'kill', 'start']);
    await stop();
    alive = false;
    await sleep(600);
    expect(actions).toHaveLength(3);
  });
});
