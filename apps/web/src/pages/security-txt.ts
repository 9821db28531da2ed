// /.well-known/security.txt: whom to tell about a vulnerability of this site (RFC 9116). Needs no session.
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import type { Config } from '../config/config.js';
import { siteLanguages } from '../config/site.js';

const PATH = '/.well-known/security.txt';
const DAY = 86_400_000;
/** Less than a year, as RFC 9116 recommends (section 2.5.5). */
const VALID_DAYS = 364;

/**
 * What it says is as old as this process's settings, so it expires a year after their start. A server that runs for longer
 * answers 404: what has expired must not be used (RFC 9116, section 2.5.5).
 */
export function securityTxt({ server, disclosure }: Config): RequestHandler {
  // To the day, so that servers of one day say the same.
  const expires = (Math.floor(Date.now() / DAY) + VALID_DAYS) * DAY;
  const content = [
    ...disclosure.contacts.map((contact) => `Contact: ${contact}`),
    `Expires: ${new Date(expires).toISOString()}`,
    `Preferred-Languages: ${siteLanguages}`,
    `Canonical: ${server.publicUrl.origin}${PATH}`,
    ...(disclosure.policy === undefined ? [] : [`Policy: ${disclosure.policy}`]),
  ];
  const body = Buffer.from(`${content.join('\n')}\n`);
  return (request: Request, response: Response, next: NextFunction) => {
    const left = expires - Date.now();
    const isAsked = request.path === PATH && (request.method === 'GET' || request.method === 'HEAD');
    if (!isAsked || left <= 0) return next();
    response.writeHead(200, {
      'Content-Type': 'text/plain; charset=utf-8',
      'Content-Length': body.length,
      'Cache-Control': `public, max-age=${Math.floor(Math.min(left, DAY) / 1_000)}`,
    });
    response.end(request.method === 'HEAD' ? undefined : body);
  };
}
