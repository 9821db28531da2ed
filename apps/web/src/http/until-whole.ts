// Waits until a request has arrived to its last byte, and looks at its body, without taking anything from its reader.
import type { IncomingMessage } from 'node:http';

export type Outcome = 'whole' | 'too-large' | 'late' | 'aborted';

/**
 * Calls back once. After `whole` the body can be read as if nobody had read before; else the rest is to be discarded.
 */
export function untilWhole(
  request: IncomingMessage,
  limits: { readonly bytes: number; readonly timeMs: number },
  done: (outcome: Outcome) => void,
): void {
  const parts: Buffer[] = [];
  let size = 0;
  const finish = (outcome: Outcome) => {
    clearTimeout(timer);
    request.off('readable', look);
    request.off('close', abort);
    done(outcome);
  };
  const look = () => {
    if (size + request.readableLength > limits.bytes) return finish('too-large');
    // What came last stays where it is: a stream that has been read to its end takes nothing back.
    if (request.complete) {
      if (size > 0) request.unshift(Buffer.concat(parts));
      return finish('whole');
    }
    const part = request.read() as Buffer | null;
    if (part === null) return;
    parts.push(part);
    size += part.length;
  };
  const abort = () => finish('aborted');
  const timer = setTimeout(() => finish('late'), limits.timeMs);
  request.on('readable', look);
  request.once('close', abort);
}

/** What is left to read of a whole request; it can be read again. */
export function peekBody(request: IncomingMessage): Buffer {
  const body = (request.read() as Buffer | null) ?? Buffer.alloc(0);
  // In the same turn: a stream that has told its end takes nothing back.
  if (body.length > 0) request.unshift(body);
  return body;
}
