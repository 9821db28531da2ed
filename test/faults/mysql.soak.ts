// An hour of faults, one after the other, under a crowd: sessions in three MySQL servers that all take writes.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectDir, startStack, type Stack } from '@roam/local-stack';
import { freezeDatabase, freezeServer, killDatabase, killNginx, killServer, rollingRestart } from './nemeses.js';
import { soak } from './soak.js';

const minutes = Number(process.env.SOAK_MINUTES ?? 60);
const seed = Number(process.env.SOAK_SEED ?? Date.now() % 1_000_000);
const say = (line: string) => void process.stderr.write(`${line}\n`);

describe('mysql, three nodes that all take writes', () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack({ env: { SESSION_METHOD: 'mysql' } });
  }, 180_000);
  afterAll(() => stack?.stop(), 60_000);

  it(
    `serves for ${minutes} minutes while its parts die, freeze and restart`,
    async () => {
      say(`soak of ${minutes} minutes; the same faults again: SOAK_SEED=${seed}`);
      const faults = [killServer, rollingRestart, killNginx, freezeServer, killDatabase, freezeDatabase];
      const outcome = await soak({ stack, method: 'mysql', faults, minutes, seed, onProgress: say });
      const text = JSON.stringify(outcome, undefined, 2);
      const results = join(projectDir, 'test/faults/results');
      mkdirSync(results, { recursive: true });
      writeFileSync(join(results, 'soak.json'), `${text}\n`);
      say(text);
      expect(outcome.violations).toEqual([]);
      expect(outcome.failures).toEqual([]);
    },
    (minutes + 15) * 60_000,
  );
});
