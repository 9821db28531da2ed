// A mark that says of which place it is: no method's own mark begins so, which is how others leave it unread.
import type { Mark } from '../store.js';

/** What was seen of a session, by place. One of the two: a write that is in the new place is in the old one too. */
export interface Marks {
  readonly old?: Mark | undefined;
  readonly new?: Mark | undefined;
}

export function sealMarks({ old, new: young }: Marks): Mark {
  return young === undefined ? `o_${old ?? ''}` : `n_${young}`;
}

/** Undefined for the mark of a server that knows only one of the two places. */
export function openMark(mark: Mark): Marks | undefined {
  const own = mark.slice(2);
  return mark.startsWith('n_') ? { new: own } : mark.startsWith('o_') ? { old: own } : undefined;
}
