// A record as it was read or written last, with its content.
import type { Mark, SessionData, SessionRecord } from '../port/records.js';
import type { Codec, Content } from './codec.js';

export class Stored {
  readonly remember: boolean;
  readonly schema: number;

  constructor(
    readonly record: SessionRecord,
    { remember, schema }: Omit<Content, 'data'>,
    private readonly codec: Codec,
    readonly mark: Mark = String(record.version),
    private decoded?: SessionData,
  ) {
    this.remember = remember;
    this.schema = schema;
  }

  /** Its content, decoded once more: what the handler holds may have been changed in depth. */
  get data(): SessionData {
    return (this.decoded ??= this.codec.decode(this.record.payload)!.data);
  }
}
