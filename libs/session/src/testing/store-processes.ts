// The contract kit across real processes: each server's store in a process of its own, called over IPC.
import { fork, type ChildProcess } from 'node:child_process';
import { builtFile } from '../built-file.js';
import {
  SessionConflictError,
  SessionEndedError,
  SessionTooLargeError,
  SessionUsageError,
  StoreUnavailableError,
} from '../core/errors.js';
import type { AnySessions } from '../carriers/carrier.js';
import type { Json } from '../port/records.js';
import type { SessionCapabilities, SessionStore } from '../port/store.js';

/** What the module of a store process exports as `openStore`. */
export type OpenStore = (settings: Json) => Promise<{ store: AnySessions; close?: () => Promise<void> }>;

export interface Call {
  readonly id: number;
  readonly method: string;
  readonly args: readonly unknown[];
}
export interface Answer {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: { readonly name: string; readonly message: string };
}
interface Ready {
  readonly ready: { readonly capabilities: SessionCapabilities; readonly methods: readonly string[] };
}

/** One server's store, in another process. */
export interface StoreProcess {
  /** Every method of the store there. A process that died is a store that cannot answer. */
  readonly store: SessionStore;
  readonly pid: number;
  readonly kill: (signal: NodeJS.Signals) => void;
  /** Closes the store and ends the process. */
  readonly close: () => Promise<void>;
}

const ERRORS = {
  SessionConflictError,
  SessionEndedError,
  SessionTooLargeError,
  SessionUsageError,
  StoreUnavailableError,
};
/** A carrier works where the requests are, and a process answers no getter at once. */
const NOT_METHODS = ['constructor', 'then', 'carrier', 'isForUsersOnly'];

/**
 * Starts a process per entry of `settings`, each with the store that `openStore(settings[i])` of this module makes.
 * @param module the URL of a built module: plain Node runs it
 */
export async function startStores(module: string, settings: readonly Json[]): Promise<StoreProcess[]> {
  return Promise.all(settings.map((setting) => startStore(module, setting)));
}

async function startStore(module: string, settings: Json): Promise<StoreProcess> {
  const script = builtFile('./store-process.js', import.meta.url);
  const child = fork(script, [module, JSON.stringify(settings)], { serialization: 'advanced', execArgv: [] });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const { capabilities, methods } = await ready(child);
  const call = caller(child);
  const remote = methods
    .filter((name) => !NOT_METHODS.includes(name))
    .map((name) => [name, (...args: unknown[]) => call(name, args)]);
  return {
    store: { capabilities, ...Object.fromEntries(remote) } as SessionStore,
    pid: child.pid!,
    kill: (signal) => void child.kill(signal),
    close: async () => {
      await call('close', []).catch(() => undefined);
      child.kill('SIGKILL');
      await exited;
    },
  };
}

function ready(child: ChildProcess): Promise<Ready['ready']> {
  return new Promise((resolve, reject) => {
    child.once('message', (message: Ready) => resolve(message.ready));
    child.once('exit', (code) =>
      reject(new Error(`The process of the store exited with code ${code} before it was ready.`)),
    );
  });
}

function caller(child: ChildProcess) {
  const waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  let calls = 0;
  child.on('message', ({ id, value, error }: Answer) => {
    const call = waiting.get(id);
    waiting.delete(id);
    if (error) call?.reject(revive(error));
    else call?.resolve(value);
  });
  child.once('exit', () => {
    for (const { reject } of waiting.values())
      reject(new StoreUnavailableError('The process of the store has exited.'));
    waiting.clear();
  });
  return (method: string, args: readonly unknown[]) =>
    new Promise<unknown>((resolve, reject) => {
      if (!child.connected) return reject(new StoreUnavailableError('The process of the store has exited.'));
      const id = ++calls;
      waiting.set(id, { resolve, reject });
      child.send({ id, method, args } satisfies Call);
    });
}

export function serialize(error: unknown): { name: string; message: string } {
  return error instanceof Error
    ? { name: error.name, message: error.message }
    : { name: 'Error', message: String(error) };
}

function revive({ name, message }: { name: string; message: string }): Error {
  const Known = ERRORS[name as keyof typeof ERRORS] as (new (message: string) => Error) | undefined;
  return Known ? new Known(message) : new Error(message);
}
