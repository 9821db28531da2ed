// Tells when a request is over, however it ends.
import type { Request, Response } from 'express';

/**
 * Calls back once: when the response is closed, or its connection. A response that waits behind another one of the same
 * connection (HTTP pipelining) is never closed if that connection ends first.
 */
export function whenOver({ socket }: Request, response: Response, callback: () => void): void {
  let isOver = false;
  const end = () => {
    if (isOver) return;
    isOver = true;
    response.off('close', end);
    socket.off('close', end);
    callback();
  };
  response.once('close', end);
  socket.once('close', end);
}
