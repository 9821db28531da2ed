// The security headers: a page may only show itself and send its own forms.
import helmet from 'helmet';
import type { RequestHandler, Response } from 'express';
import { randomBytes } from 'node:crypto';
import type { Config } from '../config/config.js';

/** The nonce of this response: the browser runs only scripts that carry it. */
export function nonceOf(response: Response): string {
  response.locals.nonce ??= randomBytes(16).toString('base64');
  return response.locals.nonce as string;
}

export function securityHeaders(config: Config): RequestHandler {
  return helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        objectSrc: ["'none'"],
        // Only the scripts of this page, by a nonce that nobody can guess.
        scriptSrc: [(_request, response) => `'nonce-${nonceOf(response as Response)}'`],
        connectSrc: ["'self'"],
        styleSrc: ["'self'"],
        // Pico's arrows and marks are data: images inside its style sheet.
        imgSrc: ["'self'", 'data:'],
        formAction: ["'self'"],
        baseUri: ["'none'"],
        frameAncestors: ["'none'"],
        ...(config.secure ? { upgradeInsecureRequests: [] } : {}),
      },
    },
    // A year, on https only: on http the header means nothing.
    strictTransportSecurity: config.secure ? { maxAge: 31_536_000, includeSubDomains: true } : false,
    referrerPolicy: { policy: 'same-origin' },
    xFrameOptions: { action: 'deny' },
  });
}
