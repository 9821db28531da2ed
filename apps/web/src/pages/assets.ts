// The style sheets, the scripts and the icon: read once, when they are added, and served at addresses that change with the content.
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

const types: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};
const byPath = new Map<string, Asset>();

/** The address of each asset below the site's base, by its name: `it.assets` of the templates. */
export const assetPaths: Record<string, string> = {};

/**
 * Serves the file from now on. A feature calls it where its module is loaded.
 * @param from a `file:` URL
 * @example addAsset('notes', new URL('./notes.js', import.meta.url));
 */
export function addAsset(name: string, from: string | URL): void {
  const url = new URL(from);
  const extension = extname(url.pathname);
  const content = readFileSync(url);
  const hash = createHash('sha256').update(content).digest('hex').slice(0, 12);
  const path = `/assets/${name}-${hash}${extension}`;
  byPath.set(path, { type: types[extension], content, compressed: gzipSync(content) });
  assetPaths[name] = path;
}

addAsset('pico', import.meta.resolve('@picocss/pico/css/pico.min.css'));
addAsset('app', new URL('./app.css', import.meta.url));
addAsset('times', new URL('./times.js', import.meta.url));
addAsset('icon', new URL('./icon.svg', import.meta.url));

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
