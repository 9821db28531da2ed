// The command line of the benchmark, and what is measured by it.
import { describe, expect, it } from '@jest/globals';
import { ACTION_NAMES, turnsOf, VARIANTS } from './catalog.js';
import { HELP, parseFlags, UsageError } from './flags.js';

const namesOf = (args: string[], topology: 'single' | 'multi-primary') =>
  parseFlags(args)
    .variantsOf(topology)
    .map(({ name }) => name);

describe('the flags', () => {
  it('measure everything where none is given', () => {
    expect(parseFlags([])).toMatchObject({
      topologies: ['single', 'multi-primary'],
      actions: ACTION_NAMES,
      json: undefined,
    });
    expect(namesOf([], 'single')).toEqual(VARIANTS.map(({ name }) => name));
  });

  it('measure with a group only what uses it, unless asked for', () => {
    expect(namesOf([], 'multi-primary')).toEqual(expect.arrayContaining(['limit', 'mysql', 'express-mysql-session']));
    expect(namesOf([], 'multi-primary')).not.toContain('memory');
    expect(namesOf(['--variants', 'limit,memory'], 'multi-primary')).toEqual(['limit', 'memory']);
  });

  it('--quick is shorter, and other flags go before it', () => {
    expect(parseFlags(['--quick'])).toMatchObject({ topologies: ['single'], rounds: 1 });
    expect(parseFlags(['--quick', '--rounds', '7', '--topology', 'replicas'])).toMatchObject({
      rounds: 7,
      topologies: ['replicas'],
    });
  });

  it('--guard measures what needs neither Redis nor the network, unless asked for more', () => {
    const names = ['bare', 'limit', 'memory', 'mysql', 'sync', 'cookie', 'file'];
    expect(parseFlags(['--quick', '--guard']).guard).toBe(true);
    expect(namesOf(['--quick', '--guard'], 'single')).toEqual(names);
    expect(namesOf(['--guard', '--variants', 'limit,redis'], 'single')).toEqual(['limit', 'redis']);
    expect(parseFlags(['--quick']).guard).toBe(false);
  });

  it('--growth goes from the smallest size up, of each method as far as that can go', () => {
    const { growth, methods, sizesOf } = parseFlags([
      '--growth',
      '--sizes',
      '10000000,1000',
      '--methods',
      'mysql,sync',
    ]);
    expect({ growth, methods }).toEqual({ growth: true, methods: ['mysql', 'sync'] });
    expect([sizesOf('mysql'), sizesOf('sync')]).toEqual([[1000, 10_000_000], [1000]]);
  });

  it.each([
    [['--variants', 'limit,mongo'], /--variants must be any of bare,limit,.*, not "mongo"/],
    [['--actions', 'write'], /--actions must be any of read,.*, not "write"/],
    [['--topology', 'ring'], /not "ring"/],
    [['--rounds', '0'], /--rounds must be a whole number from 1 to 9999, not "0"/],
    [['--rounds', '1.5'], /not "1.5"/],
    [['--seconds', 'x'], /--seconds must be a number/],
    [['--sizes', '10000,12'], /--sizes must be whole numbers from 1000 to 99999999, not "12"/],
    [['--methods', 'cookie'], /--methods must be any of mysql,file,sync, not "cookie"/],
    [['--fast'], /'--fast'/],
  ])('refuse %j with the reason', (args, message) => {
    expect(() => parseFlags(args)).toThrow(UsageError);
    expect(() => parseFlags(args)).toThrow(message);
  });

  it('are all in the help, and so is each variant', () => {
    for (const flag of [
      'quick',
      'rounds',
      'seconds',
      'topology',
      'variants',
      'actions',
      'json',
      'write-docs',
      'guard',
      'logins',
      'growth',
      'sizes',
      'methods',
    ])
      expect(HELP).toContain(`  --${flag}`);
    for (const { name } of VARIANTS) expect(HELP).toContain(`\n  ${name}`);
  });
});

it('a session of 5 KB is not put into a cookie', () => {
  const turns = turnsOf(VARIANTS, ['read', 'large']);
  const of = (action: string) => turns.filter((turn) => turn.action === action).map(({ variant }) => variant);
  expect(of('read')).toEqual(expect.arrayContaining(['cookie', 'cookie-session', 'iron-session']));
  for (const name of ['cookie', 'cookie-session', 'iron-session']) expect(of('large')).not.toContain(name);
});
