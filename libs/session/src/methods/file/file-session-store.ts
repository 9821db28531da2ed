// The `file` method: sessions as files on one or several mounts that all servers share.
import { setTimeout as sleep } from 'node:timers/promises';
import { endIn } from '../../core/codec.js';
import { StoreUnavailableError } from '../../core/errors.js';
import {
  covers,
  createReplica,
  endReplica,
  latestMoment,
  markOf,
  tombstoneOf,
  toRecord,
  touchReplica,
  updateReplica,
  type Replica,
} from '../../replica/replica.js';
import { HybridClock, type Stamp } from '../../replica/hybrid-clock.js';
import type { Life, SessionIndex, SessionLives } from '../../port/abilities.js';
import type { Found, Mark, SessionRecord, WriteResult } from '../../port/records.js';
import { ownMark, type SessionCapabilities, type SessionStore } from '../../port/store.js';
import { hide } from '../../core/hide.js';
import { createdAt } from '../../core/identity.js';
import { keyOf, unended, type Documents, type Key, type Kind, type UserDocument } from './documents.js';
import { EndHints, ENDS } from './end-hints.js';
import { inBatches } from './in-batches.js';
import { FileLives } from './lives.js';
import { MirroredDocuments, type FileStoreEvent } from './mirrored-documents.js';
import type { MountState } from './mount.js';
import { sealKeys } from './sealed-file.js';

export interface FileSessionStoreOptions {
  /** One folder on each mount; they must exist. With several, each session is on all of them. */
  readonly dirs: readonly string[];
  /** This server's name: no two servers may have the same. */
  readonly serverName: string;
  /** Each at least 32 characters; the first signs the files, all verify. */
  readonly secrets: readonly string[];
  /** A mount that takes longer for one operation is fenced. Milliseconds; default 500. */
  readonly deadlineMs?: number;
  /** Several mounts are compared as a whole about this often. Milliseconds; default 1 hour. */
  readonly compareMs?: number;
  /** The longest life of a session. Milliseconds; default 30 days. */
  readonly maxLifetimeMs?: number;
  readonly onEvent?: (event: FileStoreEvent) => void;
}

/** A snapshot, for metrics. */
export interface FileStoreStats {
  readonly mounts: readonly {
    readonly dir: string;
    readonly state: MountState;
    /** Why it does not count now. */
    readonly reason?: string;
  }[];
  /** Copies that lacked something and were given it. */
  readonly repaired: number;
  /** Files that were moved aside. */
  readonly damaged: number;
  /** How often a mount was fenced. */
  readonly fenced: number;
}

const HOUR = 3_600_000;
/** How long to wait, in all, for a copy that is as new as what the browser has seen. */
const PAUSES_MS = [0, 10, 20, 40, 80, 100];
/** Sessions of a list that are read at once: the mount is there for others too. */
const LISTED_AT_ONCE = 16;
/** Servers' clocks, and the moment in which they fence a mount, differ by less. */
const SKEW_MS = 60_000;

/**
 * Sessions as files. On one mount: compare-and-set by exclusive names, the full row of the promise table. On several:
 * per-key merge, as `sync`; any mount but one may die or hang, and no request fails or waits longer than the deadline.
 *
 * A read of a signed-in session takes two small reads, its own and its user's epoch.
 */
export class FileSessionStore implements SessionStore, SessionIndex, SessionLives {
  readonly capabilities: SessionCapabilities;
  private readonly atomic: boolean;
  private readonly clock: HybridClock;
  private readonly hints: EndHints;
  private readonly lives: FileLives;

  private constructor(
    private readonly documents: MirroredDocuments,
    { dirs, serverName, deadlineMs }: FileSessionStoreOptions & { readonly deadlineMs: number },
    private readonly maxLifetimeMs: number,
  ) {
    this.hints = new EndHints(documents, serverName, deadlineMs);
    this.lives = new FileLives({
      ends: () => this.readAnew(ENDS),
      find: (id) => this.find(id),
      isComplete: () => documents.incompleteSince === undefined,
    });
    hide(this, 'documents', 'hints', 'lives');
    this.atomic = dirs.length === 1;
    this.clock = new HybridClock(serverName);
    this.capabilities = {
      method: 'file',
      mergesKeys: true,
      atomicUpdate: this.atomic,
      logoutWithinMs: 0,
      readsWhatYouSaw: true,
    };
  }

  /**
   * Ready when this resolves: at least one mount was read and written.
   * @throws StoreUnavailableError when none answers, or when a folder is a store of other secrets.
   */
  static async open(options: FileSessionStoreOptions): Promise<FileSessionStore> {
    const { dirs, secrets, deadlineMs = 500, compareMs = HOUR, onEvent = () => undefined } = options;
    const keys = sealKeys(secrets);
    const documents = await MirroredDocuments.open({ dirs, keys, deadlineMs, compareMs, onEvent });
    return new FileSessionStore(documents, { ...options, deadlineMs }, options.maxLifetimeMs ?? 720 * HOUR);
  }

  async find(id: string, atLeast?: Mark): Promise<Found | undefined> {
    const copy = await this.newest(id, ownMark(atLeast, this.capabilities));
    if (!copy || copy.ended) return undefined;
    const record = toRecord(copy);
    const userEpoch = record.userId === null ? 0 : await this.epochOf(record.userId);
    return { record, userEpoch, ...this.mark(copy) };
  }

  async create(record: SessionRecord): Promise<WriteResult> {
    await this.addToUser(record);
    let isThere = false as boolean;
    const copy = await this.documents.change(keyOf('sessions', record.id), (known) => {
      isThere = known !== undefined;
      return known ? undefined : createReplica(record, this.clock.tick());
    });
    if (copy!.ended) return { status: 'gone' };
    return { status: 'done', ...(isThere && { record: toRecord(copy!) }), ...this.mark(copy!) };
  }

  async update(record: SessionRecord, base: SessionRecord): Promise<WriteResult> {
    if (record.userId !== base.userId) await this.addToUser(record);
    // Written, by this call or an earlier one whose answer was lost; what came after it must not be overwritten.
    const isWritten = ({ writes, version }: Replica) =>
      version >= record.version && writes.includes(record.writes.at(-1)!);
    let conflict = false;
    const change = this.documents.change(keyOf('sessions', record.id), (known) => {
      if (!known || known.ended || isWritten(known)) return undefined;
      conflict = this.atomic && known.version !== base.version;
      return conflict ? undefined : updateReplica(known, record, base, this.stampAfter(known));
    });
    const copy = await (mayEndEarlier(record, base) ? this.hints.during(record.id, change) : change);
    if (!copy || copy.ended) return { status: 'gone' };
    if (conflict) return { status: 'conflict', current: toRecord(copy) };
    // Where others have written too, the caller's record is not what is stored.
    const merged = !this.atomic && (copy.version !== record.version || toRecord(copy).payload !== record.payload);
    return { status: 'done', ...(merged && { record: toRecord(copy) }), ...this.mark(copy) };
  }

  async touch(id: string, idleEndsAt: number): Promise<void> {
    await this.documents.change(keyOf('sessions', id), (known) => known && touchReplica(known, idleEndsAt));
  }

  async destroy(id: string, ifVersion?: number): Promise<WriteResult> {
    let result: WriteResult = { status: 'gone' };
    const change = this.documents.change(keyOf('sessions', id), (known) => {
      if (!known) return this.tombstoneOfUnknown(id);
      if (known.ended) return undefined;
      const conflict = ifVersion !== undefined && known.version !== ifVersion;
      result = conflict ? { status: 'conflict', current: toRecord(known) } : { status: 'done' };
      return conflict ? undefined : endReplica(known, this.stampAfter(known));
    });
    await this.hints.during(id, change);
    return result;
  }

  /** @inheritDoc At most a second or two of work: what is left comes at the next calls. */
  sweep(before: number, limit: number): Promise<number> {
    return this.documents.sweep(before, limit);
  }

  async listByUser(userId: string): Promise<SessionRecord[]> {
    const user = await this.documents.read(keyOf('users', userId), true);
    const ids = Object.keys(unended(user?.sessions ?? {}));
    const copies = await inBatches(ids, LISTED_AT_ONCE, (id) => this.readAnew(keyOf('sessions', id)));
    return copies
      .flatMap((copy) => (copy && !copy.ended ? [toRecord(copy)] : []))
      .filter((record) => record.userId === userId)
      .sort((a, b) => createdAt(b.id) - createdAt(a.id));
  }

  async epochOf(userId: string): Promise<number> {
    return (await this.readAnew(keyOf('users', userId)))?.epoch ?? 0;
  }

  async raiseEpoch(userId: string): Promise<number> {
    const change = this.documents.change(keyOf('users', userId), (known = nobody(userId)) => ({
      ...known,
      epoch: known.epoch + 1,
    }));
    return (await this.hints.during(`@${userId}`, change))!.epoch;
  }

  /** @inheritDoc One read for all, and one for each that may have ended since it was looked up; see `FileLives`. */
  livesOf(ids: readonly string[]): Promise<ReadonlyMap<string, Life | undefined>> {
    return this.lives.livesOf(ids);
  }

  stats(): FileStoreStats {
    return this.documents.stats();
  }

  /** Compares all mounts now and makes them alike; returns how many documents differed. */
  compare(): Promise<number> {
    return this.documents.compare();
  }

  /** Ends the helper processes. */
  async close(): Promise<void> {
    this.hints.close();
    this.documents.close();
  }

  /** @throws StoreUnavailableError when no copy in reach is as new as the browser has seen, or when one may be away. */
  private async newest(id: string, atLeast: Mark | undefined): Promise<Replica | undefined> {
    const key = keyOf('sessions', id);
    let copy = await this.documents.read(key);
    for (const pause of PAUSES_MS) {
      if (copy && this.isNewEnough(copy, atLeast)) return copy;
      await sleep(pause);
      // A cached folder listing may be old: past it.
      copy = await this.documents.read(key, true);
      if (!copy) break;
    }
    if (copy && this.isNewEnough(copy, atLeast)) return copy;
    if (copy)
      throw new StoreUnavailableError('No reachable mount has the session in the version that the browser has seen.');
    // A browser with a mark has seen the session: perhaps a server, dead since, could write to the absent mount only.
    const since = this.documents.incompleteSince;
    if (since !== undefined && (atLeast !== undefined || createdAt(id) > since - SKEW_MS)) {
      throw new StoreUnavailableError('The session may be on a mount that cannot be reached.');
    }
    return undefined;
  }

  /** A cached folder listing may be older than the document: none is believed only past it. */
  private async readAnew<K extends Kind>(key: Key<K>): Promise<Documents[K] | undefined> {
    return (await this.documents.read(key)) ?? (await this.documents.read(key, true));
  }

  private isNewEnough(copy: Replica, atLeast: Mark | undefined): boolean {
    if (atLeast === undefined || copy.ended) return true;
    if (this.atomic && /^\d{1,10}$/.test(atLeast)) return copy.version >= Number(atLeast);
    return covers(copy, atLeast);
  }

  /** On one mount the version orders all copies; elsewhere the moments that they have seen do. */
  private mark(copy: Replica): { mark?: Mark } {
    return this.atomic ? {} : { mark: markOf(copy) };
  }

  private stampAfter(copy: Replica): Stamp {
    this.clock.witness(latestMoment(copy));
    return this.clock.tick();
  }

  /** A mount that is away may hold the session: the tombstone meets it there. */
  private tombstoneOfUnknown(id: string): Replica | undefined {
    const endsAt = createdAt(id) + this.maxLifetimeMs;
    const mayBeAway = this.documents.incompleteSince !== undefined && endsAt > Date.now();
    return mayBeAway ? tombstoneOf(id, endsAt, this.clock.tick()) : undefined;
  }

  /** Before the session itself is written, so that a list never lacks one. */
  private async addToUser({ id, userId, endsAt }: SessionRecord): Promise<void> {
    if (userId === null) return;
    await this.documents.change(keyOf('users', userId), (known = nobody(userId)) =>
      Object.hasOwn(known.sessions, id)
        ? undefined
        : { ...known, sessions: unended({ ...known.sessions, [id]: endsAt }) },
    );
  }
}

/** What servers know of the session's end from before may not be so any more. */
function mayEndEarlier(record: SessionRecord, base: SessionRecord): boolean {
  if (record.userId !== base.userId || record.epoch !== base.epoch) return true;
  return endIn(record.payload) < endIn(base.payload);
}

function nobody(userId: string): UserDocument {
  return { userId, epoch: 0, sessions: {} };
}
