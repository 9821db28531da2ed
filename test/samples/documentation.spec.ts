// The code that the documents show is the code that the tests run.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';

const samples = import.meta.dirname;

it.each([
  ['websockets.md', 'gateways/ws-notes.gateway.ts'],
  ['websockets.md', 'gateways/io-notes.gateway.ts'],
  ['websockets.md', 'gateways/nginx.conf'],
])('docs/%s shows %s as it is', (document, file) => {
  const page = readFileSync(join(samples, '../../docs', document), 'utf8');
  expect(page).toContain(`\n${readFileSync(join(samples, file), 'utf8')}\``);
});
