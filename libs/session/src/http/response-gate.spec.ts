// Random handlers on bare and on gated responses, compared; the same ones in each run.
import { describe, expect, it } from '@jest/globals';
import { gateResponse } from './response-gate.js';
import { checkGate } from './testing/gate-property.js';

describe('the response gate', () => {
  it('shows handlers and clients what Node would show them', async () => {
    const { details, differences } = await checkGate(gateResponse, { runs: 3000, seed: 20_251_129, limitMs: 30_000 });
    expect({ plan: details.counterexample, differences }).toEqual({ plan: null, differences: [] });
    expect(details.numRuns).toBeGreaterThan(300);
  }, 120_000);
});
