// Messages over a TLS connection: four bytes of length, then JSON. Anything else ends the connection.
import type { Socket } from 'node:net';
import type { Counters } from './options.js';

const HEADER = 4;
/** How many of the largest messages may wait to be sent. */
const BUFFERED = 8;

/** What came is not of this protocol. */
export class MalformedError extends Error {}

export class FramedSocket {
  private pending: Buffer = Buffer.alloc(0);
  private second = 0;
  private inSecond = 0;

  /**
   * @param maxBytes the largest message; may be raised when the other side has said hello
   * @param onMessage what throws there is malformed
   */
  constructor(
    readonly socket: Socket,
    public maxBytes: number,
    private readonly framesPerSecond: number,
    private readonly counters: Counters,
    private readonly onMessage: (message: unknown[]) => void,
    onClose: () => void,
  ) {
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.receive(chunk));
    socket.on('error', () => undefined);
    socket.once('close', onClose);
  }

  /** @param message JSON */
  send(message: string): void {
    if (this.socket.destroyed || !this.socket.writable) return;
    // A peer that asks and does not read the answers must not fill the memory.
    if (this.socket.writableLength > BUFFERED * this.maxBytes) return this.close();
    const bytes = Buffer.byteLength(message);
    const frame = Buffer.allocUnsafe(HEADER + bytes);
    frame.writeUInt32BE(bytes, 0);
    frame.write(message, HEADER);
    this.counters.framesSent++;
    this.socket.write(frame);
  }

  close(): void {
    this.socket.destroy();
  }

  private receive(chunk: Buffer): void {
    this.pending = this.pending.length === 0 ? chunk : Buffer.concat([this.pending, chunk]);
    try {
      let at = 0;
      while (!this.socket.destroyed && this.pending.length - at >= HEADER) {
        const bytes = this.pending.readUInt32BE(at);
        if (bytes > this.maxBytes)
          throw new MalformedError(`A message has ${bytes} bytes; the limit is ${this.maxBytes}.`);
        if (this.pending.length - at < HEADER + bytes) break;
        const text = this.pending.toString('utf8', at + HEADER, at + HEADER + bytes);
        at += HEADER + bytes;
        const message = JSON.parse(text) as unknown;
        if (!Array.isArray(message)) throw new MalformedError('A message is not a JSON array.');
        this.counters.framesReceived++;
        this.throttle();
        this.onMessage(message);
      }
      this.pending = this.pending.subarray(at);
    } catch {
      this.counters.malformed++;
      this.socket.destroy();
    }
  }

  /** Reads no more in this second than is allowed: the rest waits in the sender's buffers. */
  private throttle(): void {
    const second = Math.floor(performance.now() / 1000);
    if (second !== this.second) [this.second, this.inSecond] = [second, 0];
    if (++this.inSecond !== this.framesPerSecond) return;
    this.counters.throttled++;
    this.socket.pause();
    setTimeout(() => this.socket.resume(), (second + 1) * 1000 - performance.now()).unref();
  }
}
