// A session on its way, as another carrier has opened it: for carriers that change a part of what it does.
import type { Found, Mark, SessionRecord, SessionSecrets, WriteResult } from '../port/records.js';
import { Carried, type AddedHeader, type Committed } from './carrier.js';

export class DecoratedCarried extends Carried {
  constructor(protected readonly inner: Carried) {
    super(inner.sessions, inner.found);
  }

  override get lostId(): string | undefined {
    return this.inner.lostId;
  }

  override get mustTouch(): boolean {
    return this.inner.mustTouch;
  }

  override get asOf(): number | undefined {
    return this.inner.asOf;
  }

  look(record: SessionRecord, mark?: Mark): Promise<Found | undefined> {
    return this.inner.look(record, mark);
  }

  carry(committed: Committed | undefined): readonly AddedHeader[] {
    return this.inner.carry(committed);
  }

  touch(record: SessionRecord, idleEndsAt: number): SessionRecord | Promise<SessionRecord> {
    return this.inner.touch(record, idleEndsAt);
  }

  override prepare(record: SessionRecord): void {
    this.inner.prepare(record);
  }

  override renewed(record: SessionRecord, isTouchDue: boolean): SessionSecrets | undefined {
    return this.inner.renewed(record, isTouchDue);
  }

  override wasMade(id: string): Promise<boolean> {
    return this.inner.wasMade(id);
  }

  override leave(record: SessionRecord, ifVersion?: number): Promise<WriteResult> {
    return this.inner.leave(record, ifVersion);
  }

  override signOut(record: SessionRecord): Promise<boolean> {
    return this.inner.signOut(record);
  }

  override assertWritable(): void {
    this.inner.assertWritable();
  }
}
