// Virtual time and a network of the specs: what happens next is decided by a seed.

/** Mulberry32: a small generator of numbers from 0 to 1 that a seed decides. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A server, as the world sees it. */
export interface Machine {
  /** Until then nothing happens on it: what arrives waits. */
  frozenUntil: number;
}

interface Event {
  readonly at: number;
  readonly order: number;
  readonly machine: Machine | undefined;
  readonly act: () => void;
}

export class World {
  now = 0;
  readonly random: () => number;
  private readonly events: Event[] = [];
  private scheduled = 0;
  /** Pairs of servers, `from>to`, between which nothing arrives. */
  private readonly cut = new Map<string, (() => void)[]>();

  constructor(seed: number) {
    this.random = randomFrom(seed);
  }

  between(least: number, most: number): number {
    return least + this.random() * (most - least);
  }

  /** @param machine on which it happens: it waits while that is frozen */
  after(milliseconds: number, act: () => void, machine?: Machine): void {
    const event = { at: this.now + milliseconds, order: this.scheduled++, machine, act };
    let [low, high] = [0, this.events.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = this.events[middle];
      if (other.at < event.at || (other.at === event.at && other.order < event.order)) low = middle + 1;
      else high = middle;
    }
    this.events.splice(low, 0, event);
  }

  /** Carries something on its way; over a cut link it is lost, or arrives when the link is whole again, or later. */
  carry(from: number, to: number, machine: Machine, act: () => void): void {
    const held = this.cut.get(`${from}>${to}`);
    const isSlow = this.random() < 0.03;
    const send = () => this.after(isSlow ? this.between(50, 1500) : this.between(0.3, 4), act, machine);
    if (!held) send();
    else if (this.random() < 0.5) held.push(send);
  }

  cutLink(from: number, to: number): void {
    if (!this.cut.has(`${from}>${to}`)) this.cut.set(`${from}>${to}`, []);
  }

  heal(): void {
    const held = [...this.cut.values()].flat();
    this.cut.clear();
    for (const send of held) send();
  }

  isCut(from: number, to: number): boolean {
    return this.cut.has(`${from}>${to}`);
  }

  /** Runs until this time; after each event, everything that it has promised has happened. */
  async runUntil(end: number): Promise<void> {
    while (this.events.length > 0 && this.events[0].at <= end) {
      const event = this.events.shift()!;
      this.now = event.at;
      const { machine, act } = event;
      if (machine && machine.frozenUntil > this.now) this.after(machine.frozenUntil - this.now, act, machine);
      else {
        act();
        for (let i = 0; i < 6; i++) await Promise.resolve();
      }
    }
    this.now = end;
  }
}
