// The session that a request has brought, with its content to be decoded when somebody asks for it.
import type { Carried } from '../carriers/carrier.js';
import type { Commits } from './commits.js';
import type { SessionRules } from './rules.js';

/** Goes on with what the carrier has found, unless its content is damaged: there is no session then. */
export function goOnWithFound(commits: Commits, { found, mustTouch }: Carried, rules: SessionRules): void {
  if (!found) return;
  const { record, mark } = found;
  const frame = rules.codec.frameOf(record.payload);
  const content = frame ? undefined : rules.decode(record);
  const known = frame ?? content;
  if (!known) return;
  commits.stored = rules.asStored(record, known, mark);
  commits.wantsTouch = mustTouch;
  commits.shown.showLater(() => {
    const decoded = content ?? rules.decode(record);
    if (!decoded) commits.stored = undefined;
    return decoded?.data;
  });
}
