// Which server carries out this server's writes, as its options say.
import { Follower, type Direction } from './direction.js';
import type { SyncOptions } from './options.js';
import { atLeast, majorityOf, Spreader } from './spreader.js';
import { Succession } from './succession.js';
import type { SyncServer } from './sync-server.js';
import { Writer } from './writer.js';

/** The servers that may lead, the first one first; none where every server writes. */
export function orderOf({ direction = 'both-ways' }: SyncOptions): readonly string[] {
  if (direction === 'both-ways') return [];
  return typeof direction.oneWay === 'string' ? [direction.oneWay] : direction.oneWay;
}

/** @throws TypeError when the order names nobody, or a server twice */
export function chooseDirection(server: SyncServer): Direction {
  const { options, copies, membership, reader, cutOff, timings } = server;
  const order = orderOf(options);
  if (new Set(order).size < order.length || (typeof options.direction === 'object' && order.length === 0))
    throw new TypeError(`The order "${order.join()}" must name at least one server, and each one once.`);
  if (order.length > 1) return new Succession(server, order);
  if (order.length === 1 && order[0] !== options.serverName) return new Follower(order[0], membership, timings);
  const { acks = 1 } = options;
  const rule = acks === 'majority' ? majorityOf(membership) : atLeast(acks);
  const spreader = new Spreader(membership, cutOff, timings, rule);
  return new Writer(copies, reader, membership, (entry, toAll) => {
    copies.put(entry, false);
    return spreader.spread(entry, toAll);
  });
}
