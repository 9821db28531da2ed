// The demo's flags: defaults, what is refused and in which words.
import { describe, expect, it } from '@jest/globals';
import { FlagError, parseFlags } from './flags.js';

function faultsOf(...args: string[]): readonly string[] {
  try {
    parseFlags(args);
  } catch (error) {
    if (error instanceof FlagError) return error.faults;
    throw error;
  }
  return [];
}

describe('the flags of the demo', () => {
  it('has the documented defaults', () => {
    expect(parseFlags([])).toEqual({
      method: 'mysql',
      direction: 'both-ways',
      servers: 3,
      databases: 3,
      topology: 'multi-primary',
      port: 8080,
      kill: false,
      exit: false,
      json: undefined,
      state: '.roam/demo.json',
    });
    expect(parseFlags(['--topology', 'single'])).toMatchObject({ databases: 1 });
  });

  it('reads every flag', () => {
    const args =
      '--method mysql --servers 5 --databases 4 --topology replicas --port 0 --kill --exit --json r --state s';
    expect(parseFlags(args.split(' '))).toEqual({
      method: 'mysql',
      direction: 'both-ways',
      servers: 5,
      databases: 4,
      topology: 'replicas',
      port: 0,
      kill: true,
      exit: true,
      json: 'r',
      state: 's',
    });
    expect(parseFlags(['-h'])).toBe('help');
  });

  it('takes every method, and all of them with kills', () => {
    for (const method of ['cookie', 'sync', 'file', 'mysql'])
      expect(parseFlags(['--method', method])).toMatchObject({ method, kill: false });
    expect(parseFlags(['--method', 'all'])).toMatchObject({ method: 'all', kill: true });
    expect(faultsOf('--method', 'all', '--servers', '1')[0]).toContain('--method all needs at least 2 web servers');
    expect(faultsOf('--method', 'ldap')[0]).toContain('cookie, sync, file, mysql, all');
  });

  it('takes a direction for sync, and refuses one that cannot work', () => {
    const oneWay = (direction: string, ...more: string[]) => ['--method', 'sync', '--direction', direction, ...more];
    for (const direction of ['both-ways', 'one-way:web1', 'one-way:web3,web1'])
      expect(parseFlags(oneWay(direction))).toMatchObject({ method: 'sync', direction });
    expect(faultsOf('--direction', 'one-way:web1')[0]).toContain('--method sync');
    expect(faultsOf(...oneWay('one-way'))[0]).toContain('one-way:NAME');
    expect(faultsOf(...oneWay('one-way:web4'))[0]).toContain('web1, web2, web3');
    expect(faultsOf(...oneWay('one-way:web1,web1'))[0]).toContain('twice');
    expect(faultsOf(...oneWay('one-way:web1,web2', '--servers', '2', '--kill'))[0]).toContain('at least 3 web servers');
  });

  it('says all faults at once', () => {
    expect(faultsOf('--servers', '0', '--databases', 'many', '--topology', 'ring', '--port', '99999')).toHaveLength(4);
  });

  it('refuses what cannot work', () => {
    expect(faultsOf('--topology', 'single', '--databases', '3')).toHaveLength(1);
    expect(faultsOf('--kill', '--servers', '1')).toHaveLength(1);
    expect(faultsOf('--kill', '--databases', '2')[0]).toContain('at least 3');
    expect(faultsOf('--kill', '--databases', '2', '--topology', 'replicas')).toHaveLength(0);
    expect(faultsOf('--kill', '--topology', 'single')[0]).toContain('MySQL servers');
    expect(faultsOf('--serverz', '3')[0]).toContain('--serverz');
    expect(faultsOf('8080')).toHaveLength(1);
  });
});
