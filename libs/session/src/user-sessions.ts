// A user's sessions beside requests: lists them, and ends one or all of them.
import type { AnySessions } from './carriers/carrier.js';
import { SessionUsageError } from './core/errors.js';
import { ownerOf, type Session } from './core/session.js';
import { hide } from './core/hide.js';
import { createdAt } from './core/identity.js';
import type { SessionRules } from './core/rules.js';
import { assertUserId } from './core/user-id.js';
import { hasEpochs, isSessionIndex, liftsSessions, type SessionEpochs, type SessionIndex } from './port/abilities.js';
import type { SessionData } from './port/records.js';

/** One session of a user, for a page that lists them. Times are milliseconds since 1970. */
export interface SessionSummary {
  /** Names the session in `end`; not a secret. */
  readonly id: string;
  readonly createdAt: number;
  /** To within the touch interval. */
  readonly lastSeenAt: number;
  readonly expiresAt: number;
  readonly data: SessionData;
}

/** Of one server: `SessionManager.users`. */
export class UserSessions {
  constructor(
    private readonly store: AnySessions,
    private readonly rules: SessionRules,
  ) {
    hide(this, 'store', 'rules');
  }

  /** Whether `list` and `end` can answer. */
  get canList(): boolean {
    return isSessionIndex(this.store);
  }

  /** Whether `endAll` can. */
  get canEndAll(): boolean {
    return hasEpochs(this.store);
  }

  /** The user's epoch: read it before the password is checked, and give it to `session.bind`. */
  async epochOf(userId: string): Promise<number> {
    assertUserId(userId);
    // Where nothing can raise an epoch, all sessions are of the first.
    return hasEpochs(this.store) ? this.store.epochOf(userId) : 0;
  }

  /**
   * The epoch under which this session began or was bound last. A session that takes its place without a new proof of
   * identity is bound to this one, so that "end all sessions" ends it too, also when that comes in between.
   */
  boundEpoch(session: Session): number {
    return ownerOf(session).bearer.epoch;
  }

  /**
   * Says that this request has proved who it is, though its session is nobody's yet: it waits for a second factor. What the
   * request puts into the session may then take the room that is kept for users, and no limit of visitors holds for it.
   */
  proved(session: Session): void {
    ownerOf(session).room.isOfUser = true;
  }

  /** The user's live sessions, newest first. @throws SessionUsageError where the method keeps no list. */
  async list(userId: string): Promise<SessionSummary[]> {
    const index = this.index();
    const { rules } = this;
    const [records, userEpoch] = await Promise.all([index.listByUser(userId), index.epochOf(userId)]);
    return records
      .filter((record) => rules.isLive({ record, userEpoch }))
      .flatMap((record) => {
        const { id, payload, idleEndsAt } = record;
        const content = rules.codec.decode(payload);
        if (!content) return [];
        const lastSeenAt = idleEndsAt - rules.idleLimit(content.remember);
        return [{ id, createdAt: createdAt(id), lastSeenAt, expiresAt: rules.endOf(record), data: content.data }];
      })
      .sort((a, b) => b.createdAt - a.createdAt);
  }

  /** Ends this session of this user; false when the user has no such session. */
  async end(userId: string, id: string): Promise<boolean> {
    const sessions = await this.index().listByUser(userId);
    if (!sessions.some((session) => session.id === id)) return false;
    await this.store.destroy(id);
    return true;
  }

  /**
   * Ends all sessions of a user, also one that logs in just now; with `except`, that one lives on.
   * @throws SessionUsageError where the method cannot, SessionEndedError when `except` was ended by another such call.
   */
  async endAll(userId: string, except?: Session): Promise<void> {
    const { store } = this;
    assertUserId(userId);
    const epochs = this.epochs();
    if (!except) {
      await this.raiseAbove(userId, await this.highestEpoch(userId));
      return;
    }
    const owner = ownerOf(except);
    owner.assertWritable('endAll()');
    const before = await epochs.epochOf(userId);
    // It may have ended since this request began: then it is not to lift itself back over the bar.
    if (owner.bearer.epoch < before) await except.reload();
    if (liftsSessions(store)) return owner.lift(userId, before + 1, (record, base) => store.updateAbove(record, base));
    const highest = Math.max(before, await this.highestEpoch(userId));
    owner.assertWritable('endAll()');
    // Raise this session's epoch first, so its parallel requests survive. Skip this if the store cannot list sessions: nobody
    // could tell later that it stands above. Most such sessions are in tokens, and these requests bring an older one all the same.
    if (this.canList) await except.bind({ userId, epoch: highest + 1 }).save();
    const raised = await this.raiseAbove(userId, highest);
    if (owner.bearer.epoch !== raised) await except.bind({ userId, epoch: raised }).save();
  }

  /** Of the user's sessions: a fault may have left one lifted above the bar and the others not ended. */
  private async highestEpoch(userId: string): Promise<number> {
    const { store } = this;
    if (liftsSessions(store) || !isSessionIndex(store)) return 0;
    return Math.max(0, ...(await store.listByUser(userId)).map(({ epoch }) => epoch));
  }

  /** Raises the bar once, and further where it is not above `epoch` then, as long as the store does raise it. */
  private async raiseAbove(userId: string, epoch: number): Promise<number> {
    const epochs = this.epochs();
    let raised = await epochs.raiseEpoch(userId);
    for (let before = 0; raised <= epoch && raised > before;) {
      before = raised;
      raised = await epochs.raiseEpoch(userId);
    }
    return raised;
  }

  private epochs(): SessionEpochs {
    if (hasEpochs(this.store)) return this.store;
    throw new SessionUsageError(`The session method "${this.method}" cannot end all sessions of a user.`);
  }

  private index(): SessionIndex {
    if (isSessionIndex(this.store)) return this.store;
    throw new SessionUsageError(`The session method "${this.method}" keeps no list of a user's sessions.`);
  }

  private get method(): string {
    return this.store.capabilities.method;
  }
}
