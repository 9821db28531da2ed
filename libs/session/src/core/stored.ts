// A record as it was read or written last, with its content.
import type { Mark, SessionData, SessionRecord } from '../port/records.js';
import type { Codec, Content } from './codec.js';
import type { Expiry } from './lifetime.js';
import { withoutOwnNames } from './own-names.js';

export class Stored {
  readonly remember: boolean;
  readonly schema: number;
  readonly expiry: Expiry | undefined;

  constructor(
    readonly record: SessionRecord,
    { remember, schema, expiry }: Omit<Content, 'data'>,
    private readonly codec: Codec,
    readonly mark: Mark = String(record.version),
    private decoded?: SessionData,
  ) {
    this.remember = remember;
    this.schema = schema;
    this.expiry = expiry;
  }

  /** Its content, decoded once more: what the handler holds may have been changed in depth. */
  get data(): SessionData {
    return (this.decoded ??= withoutOwnNames(this.codec.decode(this.record.payload)!.data));
  }
}
