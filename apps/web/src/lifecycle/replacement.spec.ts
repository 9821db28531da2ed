// The replacement of a marked server: one server at a time, never the last one, and once.
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { pino } from 'pino';
import { until } from '../testing/time.js';
import { Replacement, type Turns } from './replacement.js';

const everyMs = 5;
const started: Replacement[] = [];
afterEach(async () => {
  for (const each of started.splice(0)) await each.stop();
});

function start(site: { isReady?: boolean; othersAreReady?: boolean; hasTurn?: boolean; isOut?: boolean } = {}) {
  const state = { isReady: true, othersAreReady: true, hasTurn: true, isOut: false, ...site };
  const asked: string[] = [];
  const ask = async <T>(what: keyof Turns, answer: T) => {
    asked.push(what);
    if (state.isOut) throw new Error('no database answers');
    return answer;
  };
  const turns: Turns = {
    announce: () => ask('announce', undefined),
    endTurn: () => ask('endTurn', undefined),
    othersAreReady: () => ask('othersAreReady', state.othersAreReady),
    takeTurn: () => ask('takeTurn', state.hasTurn),
  };
  const lines: string[] = [];
  const logger = pino(
    { level: 'warn' },
    { write: (line) => void lines.push((JSON.parse(line) as { msg: string }).msg) },
  );
  const replace = jest.fn();
  const replacement = new Replacement(turns, logger, { isReady: () => state.isReady, replace, everyMs });
  started.push(replacement);
  replacement.start();
  const looks = async (count = 3) => {
    const before = asked.filter((each) => each === 'announce').length;
    await until(() => asked.filter((each) => each === 'announce').length >= before + count);
  };
  return { state, asked, lines, replace, replacement, looks };
}

describe('a server that is not marked', () => {
  it('says that it takes traffic and that it is back, and asks for nothing', async () => {
    const { asked, replace, looks } = start();
    await looks();
    expect(asked.slice(0, 3)).toEqual(['announce', 'endTurn', 'announce']);
    expect(asked.filter((each) => each === 'endTurn')).toHaveLength(1);
    expect(asked).not.toContain('takeTurn');
    expect(replace).not.toHaveBeenCalled();
  });

  it('says nothing while it takes no traffic', async () => {
    const { asked } = start({ isReady: false });
    await new Promise((resolve) => setTimeout(resolve, 10 * everyMs));
    expect(asked).toEqual([]);
  });
});

describe('a marked server', () => {
  it('is replaced once, however often it was marked', async () => {
    const { replacement, replace, lines } = start();
    for (let i = 0; i < 1_000; i++) replacement.mark();
    await until(() => replace.mock.calls.length > 0);
    await new Promise((resolve) => setTimeout(resolve, 10 * everyMs));
    expect(replace).toHaveBeenCalledTimes(1);
    expect(lines).toEqual([
      expect.stringContaining('marked for replacement'),
      expect.stringContaining('to be replaced'),
    ]);
  });

  it('serves on while it is not its turn', async () => {
    const { replacement, replace, state, looks } = start({ hasTurn: false });
    replacement.mark();
    await looks();
    expect(replace).not.toHaveBeenCalled();
    state.hasTurn = true;
    await until(() => replace.mock.calls.length === 1);
  });

  it('serves on while no other server is ready, says so once, and takes nobody’s turn', async () => {
    const { replacement, replace, lines, state, asked, looks } = start({ othersAreReady: false });
    replacement.mark();
    await looks(10);
    expect([replace.mock.calls.length, asked.includes('takeTurn')]).toEqual([0, false]);
    expect(lines.filter((each) => each.includes('cannot be replaced safely'))).toHaveLength(1);
    state.othersAreReady = true;
    await until(() => replace.mock.calls.length === 1);
  });

  it('serves on while no database answers', async () => {
    const { replacement, replace, state, looks } = start({ isOut: true });
    replacement.mark();
    await looks();
    expect(replace).not.toHaveBeenCalled();
    state.isOut = false;
    await until(() => replace.mock.calls.length === 1);
  });

  it('is not replaced when it ends anyway', async () => {
    const { replacement, replace } = start();
    const stopped = replacement.stop();
    replacement.mark();
    await stopped;
    await new Promise((resolve) => setTimeout(resolve, 10 * everyMs));
    expect(replace).not.toHaveBeenCalled();
  });
});
