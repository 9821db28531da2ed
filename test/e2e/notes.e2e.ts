// A person writes notes on one web server and reads them on the others, while servers die.
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { startStack, type Stack } from '@roam/local-stack';
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '../support/browser.js';
import { register } from '../support/people.js';
import { isRefused } from '../support/retry-refused.js';

jest.setTimeout(120_000);

let stack: Stack;
let client: Client;
let web: readonly string[];
let note: Note;
/** 5 MB that begin as a picture does. */
const picture = Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), randomBytes(5_000_000)]);

interface Note {
  readonly id: string;
  readonly title: string;
}

beforeAll(async () => {
  stack = await startStack({ servers: 3, databases: 3, topology: 'multi-primary' });
  web = stack.servers.map(({ url }) => url);
  client = new Client(stack.url, { retryOn: isRefused });
  await register(client, web[0]);
}, 180_000);
afterAll(() => stack?.stop());

const show = (at: string) => client.get(`${at}/api/notes/${note.id}`);
async function expectWhole(at: string): Promise<void> {
  const answer = await show(at);
  expect([answer.status, answer.json()]).toEqual([200, note]);
  const { status, headers, bytes } = await client.get(`${at}/api/notes/${note.id}/picture`);
  expect([status, headers['content-type'], bytes.equals(picture)]).toEqual([200, 'image/png', true]);
}
/** The titles of all notes, newest first. */
async function titles(): Promise<string[]> {
  const found: Note[] = [];
  for (let after: string | null = ''; after !== null;) {
    const answer = await client.get(after ? `/api/notes?after=${after}` : '/api/notes');
    expect(answer.status).toBe(200);
    const { items, next } = answer.json<{ items: Note[]; next: string | null }>();
    found.push(...items);
    after = next;
  }
  return found.map(({ title }) => title);
}

describe('a note', () => {
  it('is written on one server, gets its picture on another, and is read on all', async () => {
    const written = await client.post(`${web[0]}/api/notes`, { title: 'Milk', body: 'two litres' });
    expect([written.status, written.server]).toEqual([201, 'web1']);
    note = written.json<Note>();
    const at = `${web[1]}/api/notes/${note.id}/picture`;
    expect((await client.put(at, picture, { 'Content-Type': 'image/png' })).status).toBe(204);
    for (const server of web) await expectWhole(server);
  });

  it('takes its picture through nginx too, and shows both on its pages', async () => {
    const at = `/api/notes/${note.id}/picture`;
    expect((await client.put(at, picture, { 'Content-Type': 'image/png' })).status).toBe(204);
    const much = Buffer.concat([picture, Buffer.alloc(1_000_000)]);
    expect((await client.put(at, much, { 'Content-Type': 'image/png' })).status).toBe(413);
    await expectWhole(stack.url);
    const page = await client.get('/_server/web3/notes');
    expect([page.status, page.server]).toEqual([200, 'web3']);
    expect(page.text).toContain(`<img src="/_server/web3/api/notes/${note.id}/picture"`);
  });

  it('is there when the web server that wrote it and a MySQL server are killed', async () => {
    await stack.servers[0].kill();
    await stack.databases.nodes[0].kill();
    await expectWhole(stack.url);
    for (const server of web.slice(1)) await expectWhole(server);
    await Promise.all([stack.servers[0].start(), stack.databases.nodes[0].start()]);
    await expectWhole(web[0]);
  });
});

describe('notes that are written while a web server is killed', () => {
  it('are all there, each once', async () => {
    const before = await titles();
    const written = Array.from({ length: 60 }, (_, i) => `Note ${i}`);
    const [victim] = stack.servers;
    const sending = written.map(async (title, i) => {
      await sleep(i * 10);
      return client.post('/api/notes', { title });
    });
    await sending[20];
    await victim.kill();
    const statuses = (await Promise.all(sending)).map(({ status }) => status);
    expect(new Set(statuses)).toEqual(new Set([201]));
    expect((await titles()).sort()).toEqual([...before, ...written].sort());
    await victim.start();
  });
});
