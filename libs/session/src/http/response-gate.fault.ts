// The property of the response gate once more, with many more handlers than the unit run and new ones each time.
import { describe, expect, it } from '@jest/globals';
import { gateResponse } from './response-gate.js';
import { checkGate } from './testing/gate-property.js';

const RUNS = 40_000;
const LIMIT_MS = 15 * 60_000;

describe('the response gate', () => {
  it(
    'shows handlers and clients what Node would show them',
    async () => {
      const seed = Date.now() % 2 ** 31;
      const { details, differences } = await checkGate(gateResponse, { runs: RUNS, seed, limitMs: LIMIT_MS });
      console.log(`response gate: ${details.numRuns} handlers, seed ${seed}`);
      expect({ seed, plan: details.counterexample, differences }).toEqual({ seed, plan: null, differences: [] });
    },
    LIMIT_MS + 120_000,
  );
});
