// What each session method lets users do and what it promises them (docs/architecture.md, "Invariants"), for the crowd.
import type { MethodTraits } from './crowd.js';
import { strict } from './check.js';

export interface Method extends MethodTraits {
  readonly env: Readonly<Record<string, string>>;
}

export const methods = {
  mysql: {
    together: 'same key',
    hasHome: true,
    lists: true,
    promises: strict,
    env: { SESSION_METHOD: 'mysql' },
  },
  cookie: {
    together: 'none',
    hasHome: true,
    lists: false,
    promises: { ...strict, endWithinMs: 1_000 },
    env: { SESSION_METHOD: 'cookie' },
  },
  sync: {
    together: 'different keys',
    hasHome: false,
    lists: true,
    promises: strict,
    env: { SESSION_METHOD: 'sync' },
  },
  'sync one-way': {
    together: 'different keys',
    hasHome: false,
    lists: true,
    promises: strict,
    env: { SESSION_METHOD: 'sync', SYNC_DIRECTION: 'one-way:web1,web2,web3' },
  },
  file: {
    together: 'different keys',
    hasHome: false,
    lists: true,
    promises: strict,
    env: { SESSION_METHOD: 'file' },
  },
} satisfies Readonly<Record<string, Method>>;

export type MethodName = keyof typeof methods;
