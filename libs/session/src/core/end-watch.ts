// Tells open responses and sockets that their session has ended: one look for all of a server, not one for each.
import type { AnySessions } from '../carriers/carrier.js';
import { tellsLives, type SessionLives } from '../port/abilities.js';
import type { SessionRules } from './rules.js';

/** An open response or socket. */
export interface Watched {
  /** Of the session that it depends on. */
  readonly id: string;
  /** For a store that can only be asked for one session. @throws StoreUnavailableError when nobody can tell */
  hasEnded(): Promise<boolean>;
  /** Called once, within a second of the end as this server can know it. */
  onEnd(): void;
}

/** How often all are looked after, by one question or one by one. A look that takes long does not hold up the next one. */
const LOOK_EVERY_MS = { together: 400, singly: 700 };
/** How many looks may run at once: a store that answers none of them is asked no more. */
const LOOKS_AT_ONCE = 3;
/** How many sessions one question to the store may name. */
const IDS_AT_ONCE = 2000;
/** How many sessions are asked for at once, where each is a question of its own. */
const SINGLE_LOOKS_AT_ONCE = 32;

/** Of one server. It costs nothing while nothing is open. */
export class EndWatch {
  private readonly open = new Set<Watched>();
  private timer: NodeJS.Timeout | undefined;
  private looks = 0;

  /** @param hasEndedHere whether a session has ended on this server only, while the store cannot take it */
  constructor(
    private readonly store: AnySessions,
    private readonly rules: SessionRules,
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
    } finally {
      this.looks--;
    }
  }

  private async lookTogether(all: readonly Watched[], livesOf: SessionLives['livesOf']): Promise<void> {
    for (const watched of all) if (this.hasEndedHere(watched.id)) this.end(watched);
    for (let at = 0; at < all.length; at += IDS_AT_ONCE) {
      const some = all.slice(at, at + IDS_AT_ONCE);
      try {
        const lives = await livesOf([...new Set(some.map(({ id }) => id))]);
        for (const watched of some) {
          const life = lives.get(watched.id);
          // What is missing cannot be told of now.
          const hasEnded = life ? !this.rules.isLive(life) : lives.has(watched.id);
          if (hasEnded) this.end(watched);
        }
      } catch {
        // A store that cannot tell is a fault, not the end of a session.
      }
    }
  }

  private async lookSingly(all: readonly Watched[]): Promise<void> {
    for (let at = 0; at < all.length; at += SINGLE_LOOKS_AT_ONCE) {
      const some = all.slice(at, at + SINGLE_LOOKS_AT_ONCE);
      await Promise.all(
        some.map((watched) =>
          watched.hasEnded().then(
            (ended) => ended && this.end(watched),
            () => undefined,
          ),
        ),
      );
    }
  }

  private end(watched: Watched): void {
    if (!this.open.has(watched)) return;
    this.remove(watched);
    watched.onEnd();
  }
}
