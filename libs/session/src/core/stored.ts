// A record as it was read or written last, with its content.
import type { Mark, SessionData, SessionRecord } from '../port/records.js';
import type { Codec, Frame } from './codec.js';
import { canBeText } from './json-text.js';
import { hasSameProperties } from './json-value.js';
import type { Expiry } from './lifetime.js';
import { withoutOwnNames } from './own-names.js';

export class Stored {
  readonly remember: boolean;
  readonly schema: number;
  readonly expiry: Expiry | undefined;
  readonly contentAt: number | undefined;

  constructor(
    readonly record: SessionRecord,
    { remember, schema, expiry, contentAt }: Frame,
    private readonly codec: Codec,
    readonly mark: Mark = String(record.version),
    private decoded?: SessionData,
  ) {
    this.remember = remember;
    this.schema = schema;
    this.expiry = expiry;
    this.contentAt = contentAt;
  }

  /** Whether an object certainly has this content. By their JSON texts, unless it is decoded: that costs a third. */
  isContentOf(holder: object): boolean {
    const { contentAt } = this;
    if (this.decoded || contentAt === undefined) return hasSameProperties(holder, this.data);
    const { payload } = this.record;
    if (!canBeText(holder, payload.length)) return false;
    const text = JSON.stringify(holder);
    return payload.length === contentAt + text.length + 1 && payload.startsWith(text, contentAt);
  }

  /** Its content, decoded once more: what the handler holds may have been changed in depth. */
  get data(): SessionData {
    return (this.decoded ??= withoutOwnNames(this.codec.decode(this.record.payload)!.data));
  }
}
