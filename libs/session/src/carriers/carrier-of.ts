// The carrier of a site: the sessions' own or the one for stores, with copies for an outage where the site wants them.
import type { ReadOnlyOutage } from '../outage/read-only-outage.js';
import type { AnySessions, Carrier, CarrierContext } from './carrier.js';
import { KeptCarrier } from './kept.js';
import { WithStandby } from './with-standby.js';

export function carrierOf(sessions: AnySessions, context: CarrierContext, outage: ReadOnlyOutage | undefined): Carrier {
  const carrier = 'carrier' in sessions ? sessions.carrier(sessions, context) : new KeptCarrier(sessions, context);
  return outage ? new WithStandby(carrier, outage, context) : carrier;
}
