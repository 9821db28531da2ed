// Tells open responses and sockets that their session has ended: one look for all of a server, not one for each.
import type { AnySessions } from '../carriers/carrier.js';
import { tellsLives, type SessionLives } from '../port/abilities.js';
import type { SessionRules } from './rules.js';

/** An open response or socket. */
export interface Watched {
  /** The id of the session that the response or socket depends on. */
  readonly id: string;
  /** For a store that can only be asked for one session. @throws StoreUnavailableError when nobody can tell */
  hasEnded(): Promise<boolean>;
  /** Called once, within a second of the end as this server can know it. */
  onEnd(): void;
}

/** How often all are looked after, by one question or one by one. A look that takes long does not hold up the next one. */
const LOOK_EVERY_MS = { together: 400, singly: 700 };
/** How many looks may run at once: a store that answers none of them is asked no more for now. */
const LOOKS_AT_ONCE = 3;
/** How long a look waits for an answer. A store that never gives one must not stop all looks, and keeps no list of streams. */
const ANSWER_WITHIN_MS = 30_000;
/** How many sessions one question to the store may name. */
const IDS_AT_ONCE = 2000;
/** How many sessions are asked for at once, where each is a question of its own. */
const SINGLE_LOOKS_AT_ONCE = 32;

/** Of one server. It costs nothing while nothing is open. */
export class EndWatch {
  private readonly open = new Set<Watched>();
  private timer: NodeJS.Timeout | undefined;
  private looks = 0;

  /**
   * @param onError is told of an `onEnd` that threw, and of any other mistake of a look. It must not throw
   * @param hasEndedHere whether a session has ended on this server only, while the store cannot take it
   */
  constructor(
    private readonly store: AnySessions,
    private readonly rules: Pick<SessionRules, 'isLive' | 'now'>,
    private readonly onError: (error: unknown) => void,
    private readonly hasEndedHere: (id: string) => boolean = () => false,
  ) {}

  /** How many are open. */
  get size(): number {
    return this.open.size;
  }

  /** @returns what to call when it has closed by itself */
  add(watched: Watched): () => void {
    this.open.add(watched);
    const every = LOOK_EVERY_MS[tellsLives(this.store) ? 'together' : 'singly'];
    this.timer ??= setInterval(() => void this.lookAtAll(), every).unref();
    return () => this.remove(watched);
  }

  private remove(watched: Watched): void {
    this.open.delete(watched);
    if (this.open.size > 0) return;
    clearInterval(this.timer);
    this.timer = undefined;
  }

  private async lookAtAll(): Promise<void> {
    if (this.looks >= LOOKS_AT_ONCE) return;
    this.looks++;
    try {
      const all = [...this.open];
      const { store } = this;
      await (tellsLives(store) ? this.lookTogether(all, store.livesOf.bind(store)) : this.lookSingly(all));
    } catch (error) {
      this.onError(error);
    } finally {
      this.looks--;
    }
  }

  private async lookTogether(all: readonly Watched[], livesOf: SessionLives['livesOf']): Promise<void> {
    this.endThoseEndedHere(all);
    for (let at = 0; at < all.length; at += IDS_AT_ONCE) {
      const some = all.slice(at, at + IDS_AT_ONCE);
      const askedAt = this.rules.now();
      const lives = await answerTo(() => livesOf([...new Set(some.map(({ id }) => id))]));
      for (const watched of lives ? some : []) {
        const life = lives!.get(watched.id);
        // The limits count as they stood when the store was asked: a request may have moved them before a slow answer.
        // A session that is missing from the answer stays open: the store cannot tell of it now.
        const hasEnded = life ? !this.rules.isLive(life, askedAt) : lives!.has(watched.id);
        if (hasEnded) this.end(watched);
      }
    }
  }

  private endThoseEndedHere(all: readonly Watched[]): void {
    try {
      for (const watched of all) if (this.hasEndedHere(watched.id)) this.end(watched);
    } catch (error) {
      this.onError(error);
    }
  }

  private async lookSingly(all: readonly Watched[]): Promise<void> {
    for (let at = 0; at < all.length; at += SINGLE_LOOKS_AT_ONCE) {
      const look = async (watched: Watched) => {
        if (await answerTo(() => watched.hasEnded())) this.end(watched);
      };
      await Promise.all(all.slice(at, at + SINGLE_LOOKS_AT_ONCE).map(look));
    }
  }

  /** An `onEnd` that throws keeps no other from being told. */
  private end(watched: Watched): void {
    if (!this.open.has(watched)) return;
    this.remove(watched);
    try {
      watched.onEnd();
    } catch (error) {
      this.onError(error);
    }
  }
}

/** Undefined when the store cannot tell, or not in time: that is a fault, not the end of a session. Never rejects. */
async function answerTo<T>(question: () => Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ANSWER_WITHIN_MS).unref();
  });
  try {
    return await Promise.race([question(), tooLate]);
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}
