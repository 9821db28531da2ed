// Which session of a sid is the last one: a program that names its sessions itself may use a name again.
import type { Codec } from '../core/codec.js';
import { nextAttempt } from '../core/attempts.js';
import type { SessionRecord } from '../port/records.js';
import type { SessionStore } from '../port/store.js';
import { encode, hashOf, idOf, newWriteId } from './express-content.js';

const FOREVER_MS = 100 * 365 * 24 * 3_600_000;

/**
 * A tombstone keeps its id for good. Where a program uses a sid again, the next session of it has an id of its own, and
 * one more record says which generation the sid has come to.
 */
export class SidGenerations {
  constructor(
    private readonly store: SessionStore,
    private readonly codec: Codec,
  ) {}

  async of(sid: string): Promise<number> {
    const pointer = await this.store.find(idOf(sid, 'generation'));
    return pointer ? this.in(pointer.record) : 0;
  }

  /** Raises the sid's generation to this one. */
  async raise(sid: string, generation: number): Promise<void> {
    const id = idOf(sid, 'generation');
    const payload = encode(this.codec, { generation });
    for (let attempt = 0; ; attempt = await nextAttempt(attempt)) {
      const record = (await this.store.find(id))?.record;
      if (record && this.in(record) >= generation) return;
      const writes = [newWriteId()];
      if (record) await this.store.update({ ...record, version: record.version + 1, payload, writes }, record);
      else {
        const secrets = { current: hashOf(sid), since: Date.now() };
        const end = Date.now() + FOREVER_MS;
        const limits = { idleEndsAt: end, endsAt: end };
        await this.store.create({ id, version: 1, secrets, payload, ...limits, userId: null, epoch: 0, writes });
      }
    }
  }

  private in({ payload }: SessionRecord): number {
    return Number(this.codec.decode(payload)?.data.generation ?? 0);
  }
}
