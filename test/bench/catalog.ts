// The names of what the benchmark measures: variants, actions and topologies.

export interface Variant {
  readonly name: string;
  readonly kind: 'floor' | 'roam' | 'peer';
  /** For the help text and docs/performance.md. */
  readonly about: string;
  /** Whether it works otherwise with a group of MySQL servers than with one. Others are measured with one only. */
  readonly inGroup?: boolean;
  readonly needsRedis?: boolean;
  /** Keeps the session in the browser, where 4 KB are the most. */
  readonly inCookie?: boolean;
}

export const VARIANTS: readonly Variant[] = [
  { name: 'bare', kind: 'floor', inGroup: true, about: 'no session at all' },
  {
    name: 'limit',
    kind: 'floor',
    inGroup: true,
    about: 'one prepared SELECT by primary key and JSON.parse; one UPDATE to change or to sign in; no session library',
  },
  { name: 'memory', kind: 'roam', about: 'roam, sessions in the memory of one web server' },
  { name: 'mysql', kind: 'roam', inGroup: true, about: 'roam, sessions in MySQL' },
  {
    name: 'sync',
    kind: 'roam',
    inGroup: true,
    about:
      'roam, sessions in the memory of two web servers, in the group of three; a write waits for one of the others',
  },
  { name: 'cookie', kind: 'roam', inGroup: true, inCookie: true, about: 'roam, sessions sealed in the cookie' },
  {
    name: 'file',
    kind: 'roam',
    inGroup: true,
    about: 'roam, sessions as files on one mount, in the group on three; each write is flushed to the disk',
  },
  { name: 'redis', kind: 'roam', needsRedis: true, about: 'roam, with the store of docs/write-a-session-store.md' },
  { name: 'express-session', kind: 'peer', about: 'express-session with its MemoryStore' },
  { name: 'express-mysql-session', kind: 'peer', inGroup: true, about: 'express-session with this store' },
  {
    name: 'express-mysql-session (touch off)',
    kind: 'peer',
    inGroup: true,
    about: 'the same with disableTouch: the idle limit moves with changes only',
  },
  { name: 'connect-typeorm', kind: 'peer', inGroup: true, about: 'express-session with this store' },
  { name: 'connect-redis', kind: 'peer', needsRedis: true, about: 'express-session with this store' },
  {
    name: 'session-file-store',
    kind: 'peer',
    about: 'express-session with this store; each write is flushed to the disk',
  },
  { name: 'cookie-session', kind: 'peer', inCookie: true, about: 'sessions signed in the cookie, not encrypted' },
  { name: 'iron-session', kind: 'peer', inCookie: true, about: 'sessions sealed in the cookie' },
];

export const ACTIONS = {
  read: 'answers from the session',
  change: 'changes one key',
  mixed: 'one request in ten changes one key, the others read',
  parallel: 'four requests of one browser at once, which read',
  large: 'as mixed, with 5 KB of data',
  login: 'a new session in the place of the old one',
} as const;
export type Action = keyof typeof ACTIONS;
export const ACTION_NAMES = Object.keys(ACTIONS) as readonly Action[];

export const TOPOLOGIES = ['single', 'multi-primary', 'single-primary', 'replicas'] as const;
export type Topology = (typeof TOPOLOGIES)[number];

export interface Turn {
  readonly variant: string;
  readonly action: Action;
}

/** What is measured in each round. A large session does not fit into a cookie. */
export function turnsOf(variants: readonly Variant[], actions: readonly Action[]): Turn[] {
  return actions.flatMap((action) =>
    variants
      .filter(({ inCookie }) => !(inCookie && action === 'large'))
      .map(({ name }): Turn => ({ variant: name, action })),
  );
}
