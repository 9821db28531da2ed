// Nest's own files and streams beside the session: FileInterceptor, StreamableFile, sendFile, @Sse.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Observable, Subject } from 'rxjs';
import { until } from '../support/until.js';
import { nestEvents } from './apps/nest-events.js';
import { nestFiles } from './apps/nest-files.js';
import { describeSamples } from './describe-samples.js';
import { multipart } from './multipart.js';
import { expectSessionCookies } from './session-cookies.js';

const text = 'A line of a long file.\n'.repeat(40_000);
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'roam-samples-'));
  await writeFile(join(folder, 'long.txt'), text);
});
afterAll(() => rm(folder, { recursive: true }));

describeSamples((site) => {
  const serveFiles = () => site().serveNest((options) => nestFiles(options, folder));

  describe('FileInterceptor', () => {
    const bytes = randomBytes(300_000);
    const form = (content: Buffer) => multipart({ title: 'A photo', photo: new File([content], 'ä.png') });

    it('reads the file, and the session has what is known of it', async () => {
      const client = await serveFiles();
      const [web1, web2] = site().web;
      const { body, headers } = await form(bytes);
      const uploaded = await client.post(`${web1}/photos`, body, headers);
      const photo = { title: 'A photo', name: 'ä.png', sha256: createHash('sha256').update(bytes).digest('hex') };
      expect(uploaded.status).toBe(201);
      expect(uploaded.json()).toEqual(photo);
      expectSessionCookies(site(), uploaded);
      expect((await client.get(`${web2}/session`)).json()).toEqual({ photo });
    });

    it('answers an error when the file is too large or the session cannot keep it', async () => {
      const client = await serveFiles();
      const [web1, web2] = site().web;
      const large = await form(randomBytes(500_001));
      expect((await client.post(`${web1}/photos`, large.body, large.headers)).status).toBe(413);
      site().refuseWrites();
      const { body, headers } = await form(bytes);
      expect(await client.post(`${web1}/photos`, body, headers)).toMatchObject({ status: 503, setCookies: [] });
      expect((await client.get(`${web2}/session`)).json()).toEqual({});
    });
  });

  describe('StreamableFile', () => {
    it('is streamed when the change of its request is committed', async () => {
      const client = await serveFiles();
      const [web1, web2, web3] = site().web;
      const response = await client.open('GET', `${web1}/stream/long.txt`);
      expect(response.headers).toMatchObject({
        'content-type': 'text/plain',
        'content-disposition': 'attachment',
        'content-length': String(text.length),
        'cache-control': 'private, no-store',
      });
      expectSessionCookies(site(), { setCookies: response.headers['set-cookie'] ?? [] });
      // Before the body is read.
      expect((await client.get(`${web2}/session`)).json()).toEqual({ streamed: 1 });
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk as Buffer);
      expect(Buffer.concat(chunks).toString()).toBe(text);
      expect(await client.get(`${web3}/stream/nothing.txt`)).toMatchObject({ status: 404 });
      expect((await client.get(`${web2}/session`)).json()).toEqual({ streamed: 2 });
    });

    it('is not sent when the change cannot be kept', async () => {
      const client = await serveFiles();
      site().refuseWrites();
      const refused = await client.get(`${site().web[0]}/stream/long.txt`);
      expect(refused).toMatchObject({ status: 503, setCookies: [] });
      expect(refused.json()).toMatchObject({ error: { code: 'session_store_unavailable' } });
      expect(refused.headers['content-disposition']).toBeUndefined();
    });
  });

  it('sendFile: a range and 304 commit the change of their request', async () => {
    const client = await serveFiles();
    const [web1, web2, web3] = site().web;
    const range = await client.get(`${web1}/file/long.txt`, { Range: 'bytes=2-5' });
    expect(range).toMatchObject({ status: 206, text: 'line' });
    expect(range.headers).toMatchObject({ 'content-range': `bytes 2-5/${text.length}`, 'content-length': '4' });
    expectSessionCookies(site(), range);
    const unchanged = await client.get(`${web2}/file/long.txt`, { 'If-None-Match': range.headers.etag as string });
    expect(unchanged).toMatchObject({ status: 304, text: '' });
    expect((await client.get(`${web3}/session`)).json()).toEqual({ sent: 2 });
  });

  describe('@Sse', () => {
    /** What the next chunks bring, until it ends so. */
    async function read(chunks: AsyncIterator<Buffer>, end: string): Promise<string> {
      let got = '';
      while (!got.endsWith(end)) {
        const next = await chunks.next();
        if (next.done) throw new Error(`The stream ended after: ${got}`);
        got += next.value.toString();
      }
      return got.trim();
    }

    it('sends events one by one; the change is seen while it is open, and it ends with the session', async () => {
      const news = new Subject<string>();
      const client = await site().serveNest((options) => nestEvents(options, news));
      const [web1, web2] = site().web;
      const opened = client.open('GET', `${web1}/news`);
      await until('somebody follows', async () => news.observed);
      news.next('first');
      const response = await opened;
      expect(response.headers['content-type']).toBe('text/event-stream');
      expectSessionCookies(site(), { setCookies: response.headers['set-cookie'] ?? [] });
      const chunks = response[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
      expect(await read(chunks, 'first\n\n')).toBe('id: 1\ndata: first');
      expect((await client.get(`${web2}/followed`)).json()).toEqual({ followed: 1 });
      news.next('second');
      expect(await read(chunks, 'second\n\n')).toBe('id: 2\ndata: second');

      const broken = expect(chunks.next()).rejects.toMatchObject({ code: 'ECONNRESET' });
      expect((await client.post(`${web2}/logout`)).status).toBe(204);
      await broken;
      await until('nobody follows', async () => !news.observed);
    });

    it('is answered an error when the change cannot be kept, and nobody follows any more', async () => {
      const followers: string[] = [];
      const news = new Observable<string>(() => {
        followers.push('comes');
        return () => followers.push('leaves');
      });
      const client = await site().serveNest((options) => nestEvents(options, news));
      site().refuseWrites();
      const refused = await client.get(`${site().web[0]}/news`);
      expect(refused).toMatchObject({ status: 503, setCookies: [] });
      expect(refused.json()).toMatchObject({ error: { code: 'session_store_unavailable' } });
      await until('nobody follows', async () => followers.length === 2);
      expect(followers).toEqual(['comes', 'leaves']);
    });
  });
});
