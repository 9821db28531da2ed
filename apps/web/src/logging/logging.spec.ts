// The log line of an error.
import { expect, it } from '@jest/globals';
import { ClusterUnavailableError } from '@roam/mysql-cluster';
import { StoreUnavailableError } from '@roam/session';
import type { Config } from '../config/config.js';
import { rootLogger } from './logging.js';

interface Logged {
  readonly message: string;
  readonly stack?: string;
  readonly cause?: Logged;
}

function logged(err: Error): Logged {
  const lines: string[] = [];
  const logger = rootLogger({ server: { name: 'web1' } } as Config, { write: (line) => void lines.push(line) });
  logger.error({ err }, 'failed');
  return (JSON.parse(lines[0]) as { err: Logged }).err;
}

it('tells where a fault came from, and what caused it', () => {
  const { message, stack, cause } = logged(new Error('no cart', { cause: new Error('no basket') }));
  expect(message).toBe('no cart');
  expect(stack).toContain('logging.spec');
  expect(cause?.message).toBe('no basket');
  expect(cause?.stack).toContain('logging.spec');
});

it('tells of an outage in words alone: each request has one then', () => {
  const refused = new Error('connect ECONNREFUSED');
  const { message, stack, cause } = logged(
    new StoreUnavailableError('no answer', { cause: new ClusterUnavailableError('no node', [], { cause: refused }) }),
  );
  expect([message, cause?.message, cause?.cause?.message]).toEqual(['no answer', 'no node', 'connect ECONNREFUSED']);
  expect([stack, cause?.stack, cause?.cause?.stack]).toEqual([undefined, undefined, undefined]);
});
