// Answers requests that are refused before anything of them is read, parsed or logged: without session and templates.
import type { Request, Response } from 'express';
import { STATUS_CODES } from 'node:http';
import { isApi } from './request-context.js';

export interface Refusal {
  readonly status: 403 | 408 | 413 | 429 | 503;
  readonly code: string;
  /** For people; no HTML. */
  readonly message: string;
  readonly retryAfterSeconds?: number;
}

export const overloaded: Refusal = {
  status: 503,
  code: 'overloaded',
  message: 'The server is busy. Please try again in a moment.',
  retryAfterSeconds: 2,
};

export function refuse(request: Request, response: Response, refusal: Refusal): void {
  const { status, code, message, retryAfterSeconds } = refusal;
  const title = STATUS_CODES[status];
  const [type, body] = isApi(request)
    ? ['application/json', JSON.stringify({ error: { code, message }, type: 'about:blank', title, status })]
    : ['text/html', html(title!, message)];
  response.writeHead(status, {
    'Content-Type': `${type}; charset=utf-8`,
    'Cache-Control': 'no-store',
    ...(retryAfterSeconds !== undefined && { 'Retry-After': String(retryAfterSeconds) }),
  });
  response.end(body);
}

const html = (title: string, message: string) =>
  `<!doctype html><html lang="en"><meta name="viewport" content="width=device-width"><title>${title}</title><h1>${title}</h1><p>${message}</p></html>`;
