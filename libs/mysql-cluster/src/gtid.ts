// GTID sets: parsing, comparing and joining what MySQL prints in gtid_executed.

/** The numbers `first` to `last` of one source, both included. */
export interface Interval {
  readonly first: bigint;
  readonly last: bigint;
}

/** Thrown when a text is not a GTID set. */
export class GtidSyntaxError extends Error {
  readonly code = 'gtid_syntax';
  constructor(text: string, part: string) {
    super(`"${shorten(text)}" is not a GTID set: cannot read "${shorten(part)}"`);
    this.name = 'GtidSyntaxError';
  }
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const TAG = /^[a-z_][a-z0-9_]{0,31}$/;
const INTERVAL = /^([1-9]\d{0,18})(?:-([1-9]\d{0,18}))?$/;

/**
 * A set of transaction ids as MySQL prints it: `uuid:1-5:7,uuid2:1`, with tags (`uuid:1-5:tag:1-3`, MySQL 8.4) and
 * with the newlines that MySQL puts after the commas. Immutable.
 */
export class GtidSet {
  static readonly empty = new GtidSet(new Map());

  /** Sorted, disjoint, not adjacent intervals, keyed by `uuid` or `uuid:tag`. */
  private constructor(private readonly sources: ReadonlyMap<string, readonly Interval[]>) {}

  /** Throws `GtidSyntaxError`. An empty text is the empty set. */
  static parse(text: string): GtidSet {
    const found = new Map<string, Interval[]>();
    for (const part of text.split(',')) {
      const trimmed = part.trim().toLowerCase();
      if (trimmed === '') continue;
      const [uuid = '', ...pieces] = trimmed.split(':').map((piece) => piece.trim());
      if (!UUID.test(uuid) || pieces.length === 0) throw new GtidSyntaxError(text, part);
      // A tag holds for the intervals after it, until the next tag.
      let source = uuid;
      for (const piece of pieces) {
        const [, first, last] = INTERVAL.exec(piece) ?? [];
        if (first === undefined) {
          if (!TAG.test(piece)) throw new GtidSyntaxError(text, piece);
          source = `${uuid}:${piece}`;
          continue;
        }
        const interval = { first: BigInt(first), last: BigInt(last ?? first) };
        // MySQL takes 5-3 for nothing.
        if (interval.first > interval.last) continue;
        const intervals = found.get(source);
        if (intervals) intervals.push(interval);
        else found.set(source, [interval]);
      }
    }
    return new GtidSet(new Map([...found].map(([source, intervals]) => [source, merge(intervals)])));
  }

  get isEmpty(): boolean {
    return this.sources.size === 0;
  }

  /** How many transactions the set holds. */
  get count(): bigint {
    let count = 0n;
    for (const intervals of this.sources.values()) for (const { first, last } of intervals) count += last - first + 1n;
    return count;
  }

  /** True when every transaction of `other` is in this set. */
  contains(other: GtidSet): boolean {
    for (const [source, wanted] of other.sources) {
      const had = this.sources.get(source) ?? [];
      // Intervals are disjoint and never adjacent, so each wanted one must lie inside a single one of ours.
      if (!wanted.every((part) => had.some(({ first, last }) => first <= part.first && part.last <= last)))
        return false;
    }
    return true;
  }

  /** True when some transaction is in both sets. */
  overlaps(other: GtidSet): boolean {
    return [...this.sources].some(([source, mine]) => {
      const theirs = other.sources.get(source) ?? [];
      return mine.some((a) => theirs.some((b) => a.first <= b.last && b.first <= a.last));
    });
  }

  equals(other: GtidSet): boolean {
    return this.contains(other) && other.contains(this);
  }

  union(other: GtidSet): GtidSet {
    const joined = new Map(this.sources);
    for (const [source, intervals] of other.sources)
      joined.set(source, merge([...(joined.get(source) ?? []), ...intervals]));
    return new GtidSet(joined);
  }

  /** As MySQL reads it, tags included, one `uuid:tag:…` part per tag. */
  toString(): string {
    return [...this.sources]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([source, intervals]) =>
        [source, ...intervals.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`))].join(':'),
      )
      .join(',');
  }
}

/** `GtidSet.parse(a).contains(GtidSet.parse(b))`. */
export function contains(a: string, b: string): boolean {
  return GtidSet.parse(a).contains(GtidSet.parse(b));
}

/** The union of several sets, as MySQL reads it. */
export function union(...sets: readonly string[]): string {
  return sets.reduce((joined, set) => joined.union(GtidSet.parse(set)), GtidSet.empty).toString();
}

function merge(intervals: readonly Interval[]): Interval[] {
  const sorted = [...intervals].sort((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0));
  const merged: Interval[] = [];
  for (const interval of sorted) {
    const before = merged.at(-1);
    if (before && interval.first <= before.last + 1n)
      merged[merged.length - 1] = {
        first: before.first,
        last: interval.last > before.last ? interval.last : before.last,
      };
    else merged.push(interval);
  }
  return merged;
}

function shorten(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
