// Middleware that changes responses, beside the session: compressed, static, in ranges, logged, limited, with headers.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliDecompressSync, createGunzip, gunzipSync } from 'node:zlib';
import type { Answer } from '../support/browser.js';
import { until } from '../support/until.js';
import { accessLog } from './apps/access-log.js';
import { compressedPages, page } from './apps/compression.js';
import { LIMIT, limitedRoutes } from './apps/rate-limit.js';
import { safeHeaders } from './apps/safe-headers.js';
import { serverTiming } from './apps/server-timing.js';
import { staticFiles } from './apps/static-files.js';
import { describeSamples } from './describe-samples.js';
import { expectSessionCookies } from './session-cookies.js';

const gzip = { 'Accept-Encoding': 'gzip' };

describeSamples((site) => {
  describe.each(['first', 'last'] as const)('compression that comes %s', (order) => {
    it('compresses the page in whose request the session changes', async () => {
      const client = await site().serve((sessions) => compressedPages(sessions, order));
      const [web1, web2, web3] = site().web;
      const first = await client.get(`${web1}/page`, gzip);
      expect(first.headers).toMatchObject({ 'content-encoding': 'gzip', vary: 'Accept-Encoding, Cookie' });
      expect(first.bytes.length).toBeLessThan(page(1).length / 10);
      expect(gunzipSync(first.bytes).toString()).toBe(page(1));
      expectSessionCookies(site(), first);
      const second = await client.get(`${web2}/page`, { 'Accept-Encoding': 'br' });
      expect(second.headers['content-encoding']).toBe('br');
      expect(brotliDecompressSync(second.bytes).toString()).toBe(page(2));
      expect((await client.get(`${web3}/visits`)).json()).toEqual({ visits: 2, feeds: 0 });
    });

    it('sends a stream piece by piece, when the change before its first piece is committed', async () => {
      let goOn!: () => void;
      const more = new Promise<void>((resolve) => (goOn = resolve));
      const client = await site().serve((sessions) => compressedPages(sessions, order, () => more));
      const [web1, web2] = site().web;
      const response = await client.open('GET', `${web1}/feed`, undefined, gzip);
      expect(response.headers['content-encoding']).toBe('gzip');
      const pieces = response.pipe(createGunzip())[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
      const next = async () => String((await pieces.next()).value);
      expect(await next()).toBe('first piece\n');
      expect((await client.get(`${web2}/visits`)).json()).toEqual({ visits: 0, feeds: 1 });
      goOn();
      expect(await next()).toBe('second piece\n');
      expect(await pieces.next()).toMatchObject({ done: true });
    });

    it.each([
      ['a value that no session holds', '/wrong', 500, 'session_usage'],
      ['a store that refuses', '/page', 503, 'session_store_unavailable'],
      ['a store that refuses, of a stream', '/feed', 503, 'session_store_unavailable'],
    ])('answers %s with a whole error, not half a page', async (_, path, status, code) => {
      const client = await site().serve((sessions) => compressedPages(sessions, order, async () => undefined));
      const [web1, web2] = site().web;
      await client.get(`${web1}/page`);
      if (status === 503) site().refuseWrites();
      const answer = await client.get(`${web1}${path}`, gzip);
      expect(answer).toMatchObject({ status, setCookies: [] });
      expect(answer.headers['content-encoding']).toBeUndefined();
      expect(answer.json()).toMatchObject({ error: { code } });
      expect(site().events.map(({ type }) => type)).toEqual(status === 500 ? ['response-error'] : []);
      expect(answer.headers['content-length']).toBe(String(answer.bytes.length));
      expect((await client.get(`${web2}/visits`)).json()).toEqual({ visits: 1, feeds: 0 });
    });
  });

  describe('files', () => {
    const alphabet = 'abcdefghijklmnopqrstuvwxyz';
    let dir: string;
    beforeAll(async () => {
      dir = await mkdtemp(join(tmpdir(), 'roam-samples-'));
      for (const folder of ['public', 'members']) {
        await mkdir(join(dir, folder));
        await writeFile(join(dir, folder, `${folder}.txt`), alphabet);
      }
    });
    afterAll(() => rm(dir, { recursive: true }));
    const serve = () => site().serve((sessions) => staticFiles(sessions, dir));

    it('before the session are public, and have nothing to do with it', async () => {
      const client = await serve();
      const answer = await client.get(`${site().web[0]}/public.txt`);
      expect(answer).toMatchObject({ status: 200, text: alphabet, setCookies: [] });
      expect(answer.headers).toMatchObject({ 'cache-control': 'public, max-age=3600' });
      expect(answer.headers.vary).toBeUndefined();
    });

    it.each([
      ['serve-static', '/members/members.txt', 'private, max-age=3600'],
      ['sendFile', '/file/members.txt', 'private, max-age=0'],
    ])('behind the session, by %s: each answer commits its change', async (_, path, cacheControl) => {
      const client = await serve();
      const [web1, web2, web3] = site().web;
      const downloads = async () => (await client.get(`${web1}/downloads`)).json<{ downloads: number }>().downloads;

      const whole = await client.get(`${web1}${path}`);
      expect(whole).toMatchObject({ status: 200, text: alphabet });
      expect(whole.headers).toMatchObject({ 'cache-control': cacheControl, vary: 'Cookie', 'accept-ranges': 'bytes' });
      expectSessionCookies(site(), whole);

      const range = await client.get(`${web2}${path}`, { Range: 'bytes=3-5' });
      expect(range).toMatchObject({ status: 206, text: 'def' });
      expect(range.headers).toMatchObject({ 'content-range': 'bytes 3-5/26', 'content-length': '3' });
      expect(await downloads()).toBe(2);

      const unchanged = await client.get(`${web3}${path}`, { 'If-None-Match': whole.headers.etag as string });
      expect(unchanged).toMatchObject({ status: 304, text: '' });
      expect(unchanged.headers.etag).toBe(whole.headers.etag);
      expect(await downloads()).toBe(3);

      const beyond = await client.get(`${web2}${path}`, { Range: 'bytes=30-' });
      expect(beyond.status).toBe(416);
      expect(beyond.headers['content-range']).toBe('bytes */26');
      expect(await downloads()).toBe(4);

      const head = await client.once('HEAD', `${web3}${path}`);
      expect(head).toMatchObject({ status: 200, text: '' });
      expect(head.headers['content-length']).toBe('26');
      expect(await downloads()).toBe(5);
    });

    it('behind the session are not sent when the change cannot be kept', async () => {
      const client = await serve();
      const [web1, web2] = site().web;
      const { headers } = await client.get(`${web1}/file/members.txt`);
      site().refuseWrites();
      const asked = { Whole: 'yes', Range: 'bytes=3-5', 'If-None-Match': headers.etag as string };
      for (const [name, value] of Object.entries(asked)) {
        const answer = await client.get(`${web1}/file/members.txt`, { [name]: value });
        expect(answer).toMatchObject({ status: 503, setCookies: [] });
        expect(answer.json()).toMatchObject({ error: { code: 'session_store_unavailable' } });
        for (const header of ['etag', 'content-range', 'last-modified']) expect(answer.headers[header]).toBeUndefined();
      }
      expect((await client.get(`${web2}/downloads`)).json()).toEqual({ downloads: 1 });
    });
  });

  it('morgan logs the status and the length that the client got', async () => {
    const lines: string[] = [];
    const client = await site().serve((sessions) => accessLog(sessions, (line) => lines.push(line.trim())));
    const [web1, web2] = site().web;
    const created = await client.post(`${web1}/notes`);
    const read = await client.get(`${web2}/notes`);
    site().refuseWrites();
    const refused = await client.post(`${web1}/notes`);
    expect([created, read, refused].map(({ status, text }) => [status, text.slice(0, 11)])).toEqual([
      [201, '{"notes":1}'],
      [200, '{"notes":1}'],
      [503, '{"error":{"'],
    ]);
    await until('three lines', async () => lines.length === 3);
    const line = (method: string, { status, bytes }: Answer) => `${method} /notes ${status} ${bytes.length}`;
    expect(lines).toEqual([line('POST', created), line('GET', read), line('POST', refused)]);
  });

  it('helmet adds its headers to every answer, also to one that replaces another', async () => {
    const client = await site().serve(safeHeaders);
    const [web1, web2] = site().web;
    const changed = await client.post(`${web1}/theme`);
    expectSessionCookies(site(), changed, ['theme']);
    const read = await client.get(`${web2}/theme`);
    expect(read.json()).toEqual({ theme: 'dark' });
    site().refuseWrites();
    // A visitor whose session would be new.
    const refused = await site().visitor().post(`${web1}/theme`);
    expect(refused).toMatchObject({ status: 503, setCookies: [] });
    for (const { headers } of [changed, read, refused]) {
      expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'x-frame-options': 'SAMEORIGIN' });
      expect(headers['content-security-policy']).toMatch(/^default-src 'self'/);
      expect(headers['x-powered-by']).toBeUndefined();
    }
  });

  it('on-headers: Server-Timing goes out with the cookies, and its listener may still change the session', async () => {
    const client = await site().serve(serverTiming);
    const [web1, web2] = site().web;
    const created = await client.post(`${web1}/answers`);
    expect(created.headers['server-timing']).toMatch(/^app;dur=\d+\.\d$/);
    expectSessionCookies(site(), created);
    const read = await client.get(`${web2}/answers`);
    expect(read.json()).toEqual({ answers: 1, lastStatus: 201 });
    expect(read.headers['server-timing']).toMatch(/^app;dur=\d+\.\d$/);
  });

  it('express-rate-limit counts by the user in the session, and a refused request may change it', async () => {
    const alice = await site().serve(limitedRoutes);
    const bob = site().visitor();
    const [web1, web2] = site().web;
    await alice.post(`${web1}/user/alice`);
    await bob.post(`${web2}/user/bob`);
    for (let order = 1; order <= LIMIT; order++) {
      const answer = await alice.post(`${web1}/orders`);
      expect(answer).toMatchObject({ status: 201, text: `{"orders":${order}}` });
      expect(answer.headers.ratelimit).toContain(`r=${LIMIT - order}`);
      expect(answer.headers['ratelimit-policy']).toContain(`q=${LIMIT}; w=60`);
    }
    const refused = await alice.post(`${web1}/orders`);
    expect(refused.status).toBe(429);
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    expect((await bob.post(`${web1}/orders`)).status).toBe(201);
    expect((await alice.get(`${web2}/counts`)).json()).toEqual({ orders: LIMIT, refused: 1 });
    expect((await bob.get(`${web2}/counts`)).json()).toEqual({ orders: 1, refused: 0 });
  });
});
