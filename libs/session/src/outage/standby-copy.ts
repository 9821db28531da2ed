// The session as the store had it a moment ago, sealed in a cookie of its own.
import { Sealer } from '../methods/cookie/sealer.js';
import type { Copy } from '../carriers/carrier.js';
import type { Mark } from '../port/records.js';

type Head = [
  id: string,
  version: number,
  takenAt: number,
  idleEndsAt: number,
  endsAt: number,
  epoch: number,
  userId: string | null,
  mark: Mark,
];

/** As in the cookie method: what browsers keep of name, value and attributes together. */
const COOKIE_BYTES = 4096;
const AROUND = '__Host-standby=; Max-Age=300; Path=/; HttpOnly; Secure; SameSite=Lax';

/** Seals and opens copies. A key and a purpose of their own: no other cookie opens as a copy, nor a copy as another. */
export class StandbyCopies {
  private readonly sealer: Sealer;

  constructor(secrets: readonly string[]) {
    this.sealer = new Sealer(secrets, 'standby', '');
  }

  /** Null when a browser would not keep so large a cookie: half a session would show as if the rest were gone. */
  seal({ record, mark, takenAt }: Copy): string | null {
    const { id, version, idleEndsAt, endsAt, epoch, userId, payload } = record;
    const head: Head = [id, version, takenAt, idleEndsAt, endsAt, epoch, userId, mark];
    const plain = Buffer.from(`${JSON.stringify(head)}\n${payload}`);
    return AROUND.length + Sealer.lengthOf(plain.length) > COOKIE_BYTES ? null : this.sealer.seal(plain);
  }

  /** The copy, whatever its age; undefined for what is not exactly ours. */
  open(value: string | undefined): Copy | undefined {
    if (value === undefined || value.length > COOKIE_BYTES) return undefined;
    const text = this.sealer.open(value)?.plain.toString();
    if (text === undefined) return undefined;
    const end = text.indexOf('\n');
    const [id, version, takenAt, idleEndsAt, endsAt, epoch, userId, mark] = JSON.parse(text.slice(0, end)) as Head;
    const payload = text.slice(end + 1);
    // No secret and no write id: with a copy nothing can be written.
    const secrets = { current: '', since: 0 };
    return { record: { id, version, secrets, payload, idleEndsAt, endsAt, epoch, userId, writes: [] }, mark, takenAt };
  }
}
