// How many transactions MySQL has counted.
import { expect, it } from '@jest/globals';
import { transactionsIn } from './counters.js';

const uuid = '11111111-2222-3333-4444-555555555555';

it.each([
  ['', 0],
  [`${uuid}:7`, 1],
  [`${uuid}:1-5`, 5],
  [`${uuid}:1-5:8:10-11`, 8],
  [`${uuid}:1-5,\n${uuid}:roam_1:3-4`, 7],
])('a set of GTIDs %j has %d transactions', (gtids, amount) => expect(transactionsIn(gtids)).toBe(amount));
