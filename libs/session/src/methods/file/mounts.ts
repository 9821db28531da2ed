// All mounts of a store: which of them count, and the copies of a document on them.
import { nextAttempt } from '../../core/attempts.js';
import { StoreUnavailableError } from '../../core/errors.js';
import { join, type Documents, type Key, type Kind } from './documents.js';
import type { MirrorOptions } from './mirrored-documents.js';
import { Mount, MountError } from './mount.js';
import type { Version } from './versioned-files.js';

/** A document as one mount holds it. */
export interface Copy<K extends Kind> {
  readonly mount: Mount;
  readonly found?: Version;
  readonly document?: Documents[K];
}

export class Mounts {
  readonly counts = { damaged: 0, fenced: 0 };
  readonly all: readonly Mount[];

  /** @param onReturning a mount can be read and written again, and lacks what was written without it */
  constructor(
    { dirs, keys, deadlineMs, onEvent }: MirrorOptions,
    private readonly onReturning: (mount: Mount) => void,
  ) {
    this.all = dirs.map((dir): Mount => {
      const mount: Mount = new Mount({
        dir,
        keys,
        deadlineMs,
        isLast: () => this.isLast(mount),
        onDamaged: (file) => {
          this.counts.damaged++;
          onEvent({ type: 'damaged', dir, file });
        },
        onFenced: (reason) => {
          this.counts.fenced++;
          onEvent({ type: 'fenced', dir, reason });
        },
        onReturning: () => this.onReturning(mount),
      });
      return mount;
    });
  }

  /** @throws when no mount answers, or one holds another store. */
  async open(): Promise<void> {
    if (this.all.length === 0) throw new TypeError('The file method needs at least one folder in dirs.');
    await Promise.all(this.all.map((mount) => mount.open()));
    const failures = this.all.flatMap(({ failure }) => failure ?? []);
    const foreign = failures.find((failure) => failure instanceof MountError && failure.foreign);
    if (foreign) throw foreign;
    if (failures.length === this.all.length) throw failures[0];
    const identities = this.all.flatMap(({ identity }) => identity ?? []);
    if (new Set(identities).size < identities.length) {
      const dirs = this.all.map(({ dir }) => dir).join(', ');
      throw new TypeError(`Two of the folders ${dirs} are the same folder: list each mount once.`);
    }
  }

  close(): void {
    for (const mount of this.all) mount.close();
  }

  get live(): Mount[] {
    return this.all.filter(({ state }) => state === 'live');
  }

  /** Since when a mount is away that may hold what no other has; undefined when all are there. */
  get incompleteSince(): number | undefined {
    const away = this.all.filter(({ state }) => state !== 'live');
    return away.length === 0 ? undefined : Math.min(...away.map(({ fencedAt }) => fencedAt));
  }

  /** What each live mount holds. `fresh` looks past caches. @throws StoreUnavailableError when none answers */
  async copies<K extends Kind>(key: Key<K>, fresh: boolean): Promise<Copy<K>[]> {
    const copies = await Promise.all(
      this.live.map(async (mount): Promise<Copy<K>[]> => {
        try {
          return [copyOf(mount, await mount.call('read', key, fresh))];
        } catch (error) {
          this.failed(mount, error);
          return [];
        }
      }),
    );
    const answers = copies.flat();
    if (answers.length === 0) throw this.unavailable();
    return answers;
  }

  /** Makes the mount hold at least what this document tells; returns what it then holds. */
  async ensure<K extends Kind>(
    mount: Mount,
    key: Key<K>,
    document: Documents[K],
    known?: Copy<K>,
  ): Promise<Documents[K]> {
    let copy = known ?? copyOf<K>(mount, await mount.call('read', key, false));
    for (let attempt = 0; ; attempt = await nextAttempt(attempt, tooMany)) {
      if (attempt > 0) copy = copyOf<K>(mount, await mount.call('read', key, true));
      const wanted = copy.document ? join(key.kind, copy.document, document) : document;
      if (wanted === copy.document || (await putAfter(copy, key, wanted))) return wanted;
    }
  }

  /** A mount that fails is left out, if another is there to go on with. @throws the error otherwise. */
  failed(mount: Mount, error: unknown): void {
    if (!(error instanceof MountError) || this.isLast(mount)) throw error;
    mount.fence(error.message);
  }

  unavailable(): StoreUnavailableError {
    const states = this.all.map(({ dir, state, reason }) => `${dir} is ${state} (${reason})`);
    return new StoreUnavailableError(`No mount can answer: ${states.join('; ')}.`);
  }

  private isLast(mount: Mount): boolean {
    return mount.state === 'live' && this.live.length === 1;
  }
}

/** Compare-and-set on the mount of this copy: false when another server was faster. */
export async function putAfter<K extends Kind>(
  { mount, found }: Copy<K>,
  key: Key<K>,
  next: Documents[K],
): Promise<boolean> {
  const base = found && { version: found.version, sum: found.sum };
  return (await mount.call('put', key, JSON.stringify(next), base)) === 'done';
}

function copyOf<K extends Kind>(mount: Mount, found: Version | undefined): Copy<K> {
  return found ? { mount, found, document: JSON.parse(found.body) as Documents[K] } : { mount };
}

/** What these copies tell together. */
export function joined<K extends Kind>(kind: K, copies: readonly Copy<K>[]): Documents[K] | undefined {
  let all: Documents[K] | undefined;
  for (const { document } of copies) if (document) all = all ? join(kind, all, document) : document;
  return all;
}

export function differ(copies: readonly Copy<Kind>[]): boolean {
  return copies.some(({ found }) => found?.body !== copies[0].found?.body);
}

export function tooMany(): Error {
  return new StoreUnavailableError('Too many servers changed the same file at the same time: try again.');
}
