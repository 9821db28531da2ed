// The cookie store keeps its contract on tombstones that servers hold together.
import { StoreUnavailableError } from '../../../core/errors.js';
import { describe, expect, it } from '@jest/globals';
import { aRecord } from '../../../testing/a-record.js';
import { describeSealedSessions } from '../../../testing/index.js';
import { CookieSessions, type CookieSessionOptions } from '../cookie-sessions.js';
import { SyncRevocationList, type ReplicatedTombstones } from './sync-revocation-list.js';

const [KEY, NEW_KEY] = ['k'.repeat(32), 'n'.repeat(32)];

/** Servers that are always in reach of each other. */
class Tombstones implements ReplicatedTombstones {
  isCutOff = false;
  private readonly ended = new Map<string, number>();
  private readonly epochs = new Map<string, number>();

  async entomb(id: string, endsAt: number): Promise<void> {
    this.ended.set(id, endsAt);
  }
  isEntombed(id: string): boolean {
    return this.ended.has(id);
  }
  knownEpoch(userId: string): number {
    return this.epochs.get(userId) ?? 0;
  }
  async epochOf(userId: string): Promise<number> {
    return this.knownEpoch(userId);
  }
  async raiseEpoch(userId: string): Promise<number> {
    this.epochs.set(userId, this.knownEpoch(userId) + 1);
    return this.knownEpoch(userId);
  }
  async caughtUp(): Promise<void> {
    if (this.isCutOff) throw new StoreUnavailableError('on purpose');
  }
  async sweep(before: number): Promise<number> {
    const over = [...this.ended].filter(([, endsAt]) => endsAt < before);
    for (const [id] of over) this.ended.delete(id);
    return over.length;
  }
}

function storeOn(tombstones: Tombstones, options: Partial<CookieSessionOptions> = {}): CookieSessions {
  return new CookieSessions({
    secrets: [KEY],
    audience: 'https://roam.example',
    lifetimeMs: 30 * 24 * 3_600_000,
    revocations: new SyncRevocationList(tombstones),
    ...options,
  });
}

describeSealedSessions('cookie on tombstones', async () => {
  const tombstones = new Tombstones();
  return {
    servers: [storeOn(tombstones), storeOn(tombstones)],
    sealed: {
      rotated: storeOn(tombstones, { secrets: [NEW_KEY, KEY] }),
      foreign: [storeOn(tombstones, { secrets: [NEW_KEY] })],
    },
  };
});

describe('a revocation list on tombstones', () => {
  it('lets nobody in on a server that is cut off from the others', async () => {
    const tombstones = new Tombstones();
    const store = storeOn(tombstones);
    tombstones.isCutOff = true;
    await expect(store.admit(aRecord())).rejects.toThrow(StoreUnavailableError);
  });

  it('keeps each until its session would have ended', async () => {
    const store = storeOn(new Tombstones());
    const record = aRecord();
    await store.destroy(record.id);
    expect(await store.sweep(record.endsAt, 100)).toBe(0);
    expect(await store.sweep(record.endsAt + 31 * 24 * 3_600_000, 100)).toBe(1);
  });
});
