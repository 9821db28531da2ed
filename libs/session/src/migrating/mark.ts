// A mark that says of which place it is: `file_…` is the old one's if that keeps files.
import type { Mark } from '../port/records.js';
import type { SessionCapabilities } from '../port/store.js';

/** What was seen of a session, by place. One of the two: a write that is in the new place is in the old one too. */
export interface Marks {
  readonly old?: Mark | undefined;
  readonly new?: Mark | undefined;
}

/**
 * Seals and opens the marks of a migration. A place's name is its method, so that a server which knows only that place
 * reads the mark too (`ownMark`), and no method's own mark begins with a name.
 */
export class PlaceMarks {
  private readonly old: string;
  private readonly young: string;

  constructor(old: SessionCapabilities, young: SessionCapabilities) {
    const tell = old.method !== young.method && [old, young].every(({ method }) => /^[A-Za-z0-9-]+$/.test(method));
    this.old = tell ? `${old.method}_` : 'o_';
    this.young = tell ? `${young.method}_` : 'n_';
  }

  seal({ old, new: young }: Marks): Mark {
    return young === undefined ? this.old + (old ?? '') : this.young + young;
  }

  /** Undefined for the mark of a server that knows only one of the two places. */
  open(mark: Mark): Marks | undefined {
    if (mark.startsWith(this.young)) return { new: mark.slice(this.young.length) };
    return mark.startsWith(this.old) ? { old: mark.slice(this.old.length) } : undefined;
  }
}
