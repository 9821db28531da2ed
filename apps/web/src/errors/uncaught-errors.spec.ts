// Uncaught errors: counted, answered, logged within bounds, and never a second error.
import { describe, expect, it, jest } from '@jest/globals';
import type { Config } from '../config/config.js';
import { rootLogger } from '../logging/logging.js';
import { UncaughtErrors } from './uncaught-errors.js';

const oddities: Readonly<Record<string, unknown>> = {
  undefined: undefined,
  null: null,
  'a string': 'a string',
  'an object': { code: 7 },
  'an object that is no text': Object.create(null) as object,
  'an error that throws when it is read': Object.defineProperty(new Error('hostile'), 'message', {
    get: () => {
      throw new Error('a second one');
    },
  }),
};

function make() {
  const lines: { msg: string; uncaught?: number }[] = [];
  const config = { server: { name: 'web1' } } as Config;
  const logger = rootLogger(config, { write: (line) => void lines.push(JSON.parse(line) as { msg: string }) });
  const counted = jest.fn();
  const mark = jest.fn();
  const answers = { unexpected: () => ({ status: 500, headers: {}, body: '' }) };
  const errors = new UncaughtErrors(logger, answers, { countUncaughtError: counted }, { mark });
  return { errors, lines, counted, mark };
}

describe('UncaughtErrors', () => {
  it('counts and logs what belongs to no request, and marks the server', () => {
    const { errors, lines, counted, mark } = make();
    errors.handle(new Error('of a listener'));
    expect(counted).toHaveBeenCalledWith(false);
    expect(mark).toHaveBeenCalled();
    expect(lines).toEqual([expect.objectContaining({ msg: 'an error that belongs to no request was not caught' })]);
  });

  it.each(Object.entries(oddities))('takes %s too', (_name, thrown) => {
    const { errors, lines } = make();
    errors.handle(thrown);
    expect(lines).toHaveLength(1);
  });

  it('logs a flood of them within bounds, and says how many it left out', () => {
    const { errors, lines, counted } = make();
    for (let i = 0; i < 10_000; i++) errors.handle(new Error(`${i}`));
    expect(counted).toHaveBeenCalledTimes(10_000);
    const begun = lines.length;
    expect(begun).toBeLessThanOrEqual(40);
    const now = performance.now();
    jest.spyOn(performance, 'now').mockReturnValue(now + 2_000);
    errors.handle(new Error('a second later'));
    jest.restoreAllMocks();
    const leftOut = lines.slice(begun).find(({ uncaught }) => uncaught !== undefined);
    expect(leftOut?.uncaught).toBeGreaterThan(9_000);
  });
});
