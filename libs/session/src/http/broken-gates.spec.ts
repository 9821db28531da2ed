// The property of the gate is only worth what it finds: each of the broken gates must fail the rule that is named.
import { describe, expect, it } from '@jest/globals';
import { brokenGates } from './testing/broken-gates.js';
import { checkGate } from './testing/gate-property.js';

describe('the property of the response gate', () => {
  it.each(Object.entries(brokenGates))(
    'finds it when a gate %s',
    async (_, { install, foundBy }) => {
      const { differences } = await checkGate(install, { runs: 2000, seed: 7, limitMs: 60_000 });
      expect(differences.map(({ rule }) => rule)).toContain(foundBy);
    },
    90_000,
  );
});
