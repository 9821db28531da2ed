// Bad input gets a clear answer, and loses nothing.
import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { startStack, type Stack } from '@roam/local-stack';
import mysql, { type RowDataPacket } from 'mysql2/promise';
import { Client } from '../support/browser.js';
import { concurrently } from '../support/concurrently.js';
import { register } from '../support/people.js';
import { isBusy } from '../support/retry-refused.js';

jest.setTimeout(120_000);

let stack: Stack;
let client: Client;

beforeAll(async () => {
  stack = await startStack({ servers: 1, topology: 'single' });
}, 180_000);
afterAll(() => stack?.stop());
/** A server that stood still refuses what waited meanwhile: that is no answer to the input. */
const newClient = () => new Client(stack.url, { retryOn: isBusy });
beforeEach(() => {
  client = newClient();
});

interface Failure {
  error: { code: string; message: string };
}

/** Sends exactly these bytes with these headers, as no well-behaved client would. */
function sendRaw(method: string, path: string, headers: Record<string, string>, body = '') {
  return new Promise<{ status: number; body: string }>((resolve, reject) => {
    const request = httpRequest(stack.url + path, {
      method,
      headers: { 'content-length': String(Buffer.byteLength(body)), ...headers },
    });
    request.once('error', reject);
    request.once('response', (response) => {
      let text = '';
      response.on('data', (bytes: Buffer) => (text += bytes.toString()));
      response.once('end', () => resolve({ status: response.statusCode ?? 0, body: text }));
    });
    request.end(body);
  });
}

const codeOf = (body: string) => (JSON.parse(body) as Failure).error.code;
const cookieHeader = () => [...client.cookies].map(([name, value]) => `${name}=${value}`).join('; ');

async function expectStillSignedIn(): Promise<void> {
  expect((await client.get('/api/me')).status).toBe(200);
}

describe('bad input', () => {
  it.each([
    ['malformed JSON', 'application/json', '{"email": ', 400],
    ['JSON that is not an object', 'application/json', '"text"', 400],
    ['a prototype in JSON', 'application/json', '{"__proto__": {"admin": true}}', 422],
    ['no content type', '', '{}', 415],
    ['an unknown content type', 'text/csv', 'a,b', 415],
    ['a form at the API', 'application/x-www-form-urlencoded', 'email=a', 415],
    ['a body that is too large', 'application/json', JSON.stringify({ email: 'x'.repeat(200_000) }), 413],
  ])('%s is answered with a reason', async (_what, type, body, status) => {
    await register(client);
    const headers = { cookie: cookieHeader(), ...(type && { 'content-type': type }) };
    const answer = await sendRaw('POST', '/api/login', headers, body);
    expect(answer.status).toBe(status);
    expect(codeOf(answer.body)).toMatch(/^[a-z_]+$/);
    await expectStillSignedIn();
  });

  it('every field that is wrong is named at once', async () => {
    const { status, text } = await client.post('/api/register', { email: 'no address', password: 'short', name: '' });
    expect(status).toBe(422);
    for (const field of ['email', 'password', 'name']) expect(text).toContain(`"${field}"`);
  });

  it('a 20 KB cookie is refused by its size', async () => {
    await register(client);
    const { status } = await sendRaw('GET', '/api/me', { cookie: `${cookieHeader()}; big=${'x'.repeat(20_000)}` });
    expect([400, 413, 431]).toContain(status);
    const direct = await client.get(`${stack.servers[0].url}/api/me`, {
      cookie: `${cookieHeader()}; big=${'x'.repeat(20_000)}`,
    });
    expect(direct.status).toBe(431);
    await expectStillSignedIn();
  });

  it('10,000 mutated tokens are each "not logged in", never an error, and none is looked up', async () => {
    await register(client);
    const token = client.cookies.get('sid')!;
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const admin = await mysql.createConnection(stack.databases.nodes[0].adminUrl);
    const lookups = async () => {
      const [rows] = await admin.query<RowDataPacket[]>(
        `SELECT COALESCE(SUM(COUNT_STAR), 0) AS n FROM performance_schema.events_statements_summary_by_digest
         WHERE SCHEMA_NAME = 'roam' AND DIGEST_TEXT LIKE 'EXECUTE SELECT%FROM \`sessions\`%'`,
      );
      return Number((rows[0] as { n: number }).n);
    };
    await expectStillSignedIn();
    const before = await lookups();
    expect(before).toBeGreaterThan(0);
    const statuses = await concurrently(10_000, 16, async (i) => {
      const at = i % token.length;
      const other = alphabet[(alphabet.indexOf(token[at]) + 1 + (Math.floor(i / token.length) % 63)) % 64];
      const mutated =
        i % 10 === 9 ? token.slice(0, i % token.length) : token.slice(0, at) + other + token.slice(at + 1);
      return (await client.get(`${stack.servers[0].url}/api/me`, { Cookie: `sid=${mutated}` })).status;
    });
    expect(statuses.filter((status) => status !== 401)).toEqual([]);
    expect(await lookups()).toBe(before);
    await admin.end();
    await expectStillSignedIn();
  });

  it('a write from another site is refused, a read of an unknown path is a clear 404', async () => {
    await register(client);
    const forged = await client.put('/api/cart/apple', { quantity: 1 }, { Origin: 'https://evil.example' });
    expect(forged.status).toBe(403);
    const json = { 'content-type': 'application/json', cookie: cookieHeader(), 'sec-fetch-site': 'cross-site' };
    const fetched = await sendRaw('PUT', '/api/cart/apple', json, '{"quantity": 1}');
    expect(fetched.status).toBe(403);
    const unknown = await client.get('/api/nothing');
    expect([unknown.status, unknown.json<Failure>().error.code]).toEqual([404, 'not_found']);
    expect((await client.get('/nothing')).text).toMatch(/^<!doctype html>/i);
  });

  it('a form without its token changes nothing', async () => {
    await register(client);
    const answer = await client.post('/logout', new URLSearchParams({}));
    expect(answer.status).toBe(403);
    await expectStillSignedIn();
  });

  it('an e-mail address that is taken is 409, and a wrong password looks like an unknown user', async () => {
    const person = await register(client);
    const other = newClient();
    const taken = await other.post('/api/register', { ...person, email: person.email.toUpperCase() });
    expect([taken.status, taken.json<Failure>().error.code]).toEqual([409, 'email_taken']);
    const wrong = await other.post('/api/login', { ...person, password: 'another long passphrase' });
    const unknown = await other.post('/api/login', { ...person, email: `no-${person.email}` });
    for (const answer of [wrong, unknown]) {
      expect([answer.status, answer.json<Failure>().error.code]).toEqual([401, 'invalid_credentials']);
    }
    expect(wrong.json<Failure>().error).toEqual(unknown.json<Failure>().error);
  });
});
