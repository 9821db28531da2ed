// What the specs of one link give it.
import { defaultLimits, defaultTimings, Counters, type SyncTimings } from '../options.js';
import type { LinkContext } from '../peer-link.js';
import { SECRET } from './site.js';

/** What a link of `web1` is given. */
export function linkContext(timings: Partial<SyncTimings>, now = Date.now): LinkContext {
  const hello = { protocol: 1, name: 'web1', instance: 'a', writer: '', serving: true, now: 0 };
  return {
    security: { secret: SECRET },
    timings: { ...defaultTimings, ...timings },
    limits: defaultLimits,
    counters: new Counters(),
    hello: () => hello,
    isNew: () => true,
    onBehind: () => undefined,
    emit: () => undefined,
    now,
  };
}
