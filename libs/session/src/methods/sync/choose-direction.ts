// Puts together how this server writes, as its options say.
import type { CatchUp } from './catch-up.js';
import type { Copies } from './copies.js';
import type { CutOff } from './cut-off.js';
import { BothWays, OneWay, type Direction } from './direction.js';
import { Electorate } from './electorate.js';
import type { Membership } from './membership.js';
import type { Entry } from './messages.js';
import type { SyncOptions, SyncTimings } from './options.js';
import type { Reader } from './reader.js';
import { atLeast, majorityOf, majorityOfVoters, Spreader, type AckRule } from './spreader.js';
import { Succession } from './succession.js';
import { Writer, type Commit } from './writer.js';

/** What a server is made of, as far as its writes need it. */
export interface Parts {
  readonly options: SyncOptions;
  readonly instance: string;
  readonly timings: SyncTimings;
  readonly copies: Copies;
  readonly membership: Membership;
  readonly reader: Reader;
  readonly cutOff: CutOff;
  readonly catchUp: CatchUp;
  /** Whether this server holds what the others have acknowledged, as far as it can tell. */
  readonly isReady: () => boolean;
}

/** The servers that may lead, the first one first; none where every server writes. */
export function orderOf({ direction = 'both-ways' }: SyncOptions): readonly string[] {
  if (direction === 'both-ways') return [];
  return typeof direction.oneWay === 'string' ? [direction.oneWay] : direction.oneWay;
}

/** @throws TypeError when the order names nobody, or a server twice */
export function chooseDirection(parts: Parts): Direction | Succession {
  const { options, copies, membership, timings } = parts;
  const order = orderOf(options);
  if (new Set(order).size < order.length || (typeof options.direction === 'object' && order.length === 0))
    throw new TypeError(`The order "${order.join()}" must name at least one server, and each one once.`);
  if (order.length > 1) return successionOf(parts, order);
  const { acks = 1 } = options;
  const spread = spreadBy(parts, acks === 'majority' ? majorityOf(membership) : atLeast(acks));
  const writer = writerBy(parts, (entry, toAll) => {
    copies.keep(entry);
    return spread(entry, toAll);
  });
  if (order.length === 0) return new BothWays(writer);
  return new OneWay(order[0], options.serverName, writer, copies, membership, timings);
}

function successionOf(parts: Parts, order: readonly string[]): Succession {
  const { options, copies, membership, instance, timings, catchUp, isReady } = parts;
  const { direction, serverName, onEvent } = options;
  const electorate = new Electorate(membership, order, serverName);
  const own = {
    instance,
    takesBack: typeof direction === 'object' && direction.takesBack === true,
    timings,
    isReady,
    onLead: (leads: boolean) => onEvent?.({ type: leads ? 'leads' : 'leads-no-more' }),
  };
  const spread = spreadBy(parts, majorityOfVoters(electorate));
  const succession = new Succession(own, electorate, copies, membership, catchUp, spread);
  succession.writer = writerBy(parts, (entry, toAll) => succession.confirmation.commit(entry, toAll));
  return succession;
}

function spreadBy({ copies, membership, cutOff, timings }: Parts, rule: AckRule) {
  const spreader = new Spreader(copies, membership, cutOff, timings, rule);
  return (entry: Entry, toAll: boolean, term?: number) => spreader.spread(entry, toAll, term);
}

function writerBy({ copies, reader, membership }: Parts, commit: Commit): Writer {
  return new Writer(copies, reader, membership, commit);
}
