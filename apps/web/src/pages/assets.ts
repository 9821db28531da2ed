// The style sheets, the scripts and the icon: read once at the start, served at addresses that change with the content.
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { gzipSync } from 'node:zlib';

interface Asset {
  readonly type: string;
  readonly content: Buffer;
  readonly compressed: Buffer;
}

const files = {
  pico: { from: import.meta.resolve('@picocss/pico/css/pico.min.css'), type: 'text/css; charset=utf-8' },
  app: { from: new URL('./app.css', import.meta.url).href, type: 'text/css; charset=utf-8' },
  webauthn: {
    from: new URL('../dist/bundle/index.umd.min.js', import.meta.resolve('@simplewebauthn/browser')).href,
    type: 'text/javascript; charset=utf-8',
  },
  cluster: { from: new URL('./cluster.js', import.meta.url).href, type: 'text/javascript; charset=utf-8' },
  passkeys: { from: new URL('./passkeys.js', import.meta.url).href, type: 'text/javascript; charset=utf-8' },
  icon: { from: new URL('./icon.svg', import.meta.url).href, type: 'image/svg+xml' },
};

const byPath = new Map<string, Asset>();

/** The address of each asset below the site's base. */
export const assetPaths = Object.fromEntries(
  Object.entries(files).map(([name, { from, type }]) => {
    const content = readFileSync(new URL(from));
    const hash = createHash('sha256').update(content).digest('hex').slice(0, 12);
    const path = `/assets/${name}-${hash}${extname(new URL(from).pathname)}`;
    byPath.set(path, { type, content, compressed: gzipSync(content) });
    return [name, path];
  }),
) as Record<keyof typeof files, string>;

/** Serves the assets; needs no session. */
export function serveAssets(): RequestHandler {
  return (request: Request, response: Response, next: NextFunction) => {
    const asset = byPath.get(request.path);
    if (!asset || (request.method !== 'GET' && request.method !== 'HEAD')) return next();
    const gzip = request.acceptsEncodings('gzip') === 'gzip';
    const body = gzip ? asset.compressed : asset.content;
    response.writeHead(200, {
      'Content-Type': asset.type,
      'Content-Length': body.length,
      // The address changes with the content.
      'Cache-Control': 'public, max-age=31536000, immutable',
      Vary: 'Accept-Encoding',
      ...(gzip ? { 'Content-Encoding': 'gzip' } : {}),
    });
    response.end(request.method === 'HEAD' ? undefined : body);
  };
}
