// The token of a form is found in a header, a body and a form with files, which the handler reads afterwards all the same.
import { afterEach, describe, expect, it } from '@jest/globals';
import express from 'express';
import multer from 'multer';
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Receiving } from '../http/receiving.js';
import { policyOf } from '../routes/policy.js';
import { formTokenOf } from './form-token-of.js';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** Sends it to a server of its own. */
async function send(body: FormData | URLSearchParams | string, headers: Record<string, string> = {}) {
  const app = express();
  app.use((request, _response, next) => {
    request.policy = policyOf('POST', { limits: { body: 6_000_000 } });
    next();
  });
  app.use(
    new Receiving({ timeMs: 5_000, bytes: 10_000_000, bytesPerAddress: 10_000_000, perAddress: 9 }).middleware(),
    express.urlencoded(),
  );
  app.use(async (request, _response, next) => {
    request.headers['x-found'] = await formTokenOf(request);
    next();
  });
  app.use(multer().any(), (request, response) => {
    const files = ((request.files ?? []) as Express.Multer.File[]).map(({ originalname, size }) => [
      originalname,
      size,
    ]);
    response.json({ found: request.headers['x-found'], body: request.body as unknown, files });
  });
  const server = app.listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/upload`;
  const answer = await fetch(url, { method: 'POST', body, headers });
  return { status: answer.status, ...((await answer.json().catch(() => ({}))) as { found?: string; files?: unknown }) };
}

const broken = [
  '--b\r\nnonsense',
  '--b\r\n:bad\r\n\r\n',
  '--b\r\nContent-Disposition: form-data; name="f"; filename="x"\r\n\r\nabc',
];
const picture = new Blob([Buffer.alloc(5_000_000, 7)]);
function form(order: 'first' | 'last' | 'none'): FormData {
  const data = new FormData();
  if (order === 'first') data.set('_csrf', 'the token');
  data.set('title', 'holiday');
  data.set('picture', picture, 'picture.jpg');
  if (order === 'last') data.set('_csrf', 'the token');
  return data;
}

describe('the token of a form', () => {
  it.each(['first', 'last'] as const)(
    'is found when it comes %s beside a file, which then arrives whole',
    async (order) => {
      expect(await send(form(order))).toMatchObject({
        found: 'the token',
        body: { title: 'holiday', _csrf: 'the token' },
        files: [['picture.jpg', 5_000_000]],
      });
    },
  );

  it('is found in a header and in a form without files', async () => {
    expect(await send(form('none'), { 'X-CSRF-Token': 'of a script' })).toMatchObject({ found: 'of a script' });
    expect(await send(new URLSearchParams({ _csrf: 'plain' }))).toMatchObject({ found: 'plain' });
  });

  it('is missing where there is none, or where the form is malformed', async () => {
    expect((await send(form('none'))).found).toBeUndefined();
    for (const type of ['multipart/form-data', 'multipart/form-data; boundary=b'])
      for (const body of broken) expect((await send(body, { 'Content-Type': type })).found).toBeUndefined();
  });
});
