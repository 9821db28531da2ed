// When a server reports that it is ready.
import { describe, expect, it } from '@jest/globals';
import type { NodeStatus } from '@roam/mysql-cluster';
import { MemorySessionStore } from '@roam/session';
import { Readiness } from './readiness.js';

function withNodes(...states: Pick<NodeStatus, 'state' | 'writable'>[]): Readiness {
  const readiness = new Readiness();
  readiness.phase = 'ready';
  readiness.storage = {
    store: new MemorySessionStore(),
    withoutMysql: false,
    missing: () => undefined,
    close: () => Promise.resolve(),
  };
  readiness.nodes = () =>
    states.map((state, i) => {
      const name = `node${i}:3306`;
      return { name, uuid: undefined, role: 'replica', lagMs: 0, reason: undefined, ...state };
    });
  return readiness;
}

describe('a server', () => {
  it('goes on for readers while a node is up that takes no writes', () => {
    const readiness = withNodes({ state: 'down', writable: false }, { state: 'online', writable: false });
    expect(readiness.missing()).toBeUndefined();
    expect(readiness.report()).toMatchObject({ ready: true, dependencies: { mysql: { usable: false } } });
  });

  it('lacks MySQL when no node is up', () => {
    const readiness = withNodes({ state: 'fenced', writable: true }, { state: 'down', writable: false });
    expect(readiness.missing()).toBe('a usable MySQL node');
    expect(readiness.report()).toMatchObject({ dependencies: { sessions: { usable: false } } });
  });

  it('goes on without one of two mounts, and says which', () => {
    const readiness = withNodes({ state: 'online', writable: true });
    const reason = 'no answer within 500 ms';
    const places = [{ kind: 'mount', name: 'mount2', state: 'fenced', reason }] as const;
    readiness.storage = { ...readiness.storage!, places: () => places };
    expect(readiness.report()).toMatchObject({ ready: true, dependencies: { sessions: { usable: true, places } } });
  });

  it('can be written to when one node takes writes', () => {
    const readiness = withNodes({ state: 'down', writable: false }, { state: 'online', writable: true });
    expect(readiness.report().dependencies.mysql.usable).toBe(true);
  });
});
