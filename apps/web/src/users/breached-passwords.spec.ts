// The check for breached passwords: the data that leaves the server, the meaning of the answer, and the result without
// one.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { PinoLogger } from 'nestjs-pino';
import type { Config } from '../config/config.js';
import { BreachedPasswords } from './breached-passwords.js';
import { PasswordsService } from './passwords.service.js';

const password = 'correct horse battery';
const hash = createHash('sha1').update(password).digest('hex').toUpperCase();

/** A test service that gives the answers of the real one. */
const asked: IncomingMessage[] = [];
let answer: (response: ServerResponse) => void;
const server = createServer((request, response) => {
  asked.push(request);
  answer(response);
});
let url: string;
beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/range/`;
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
});

const warn = jest.fn();
const results: string[] = [];
beforeEach(() => {
  asked.length = 0;
  results.length = 0;
  warn.mockClear();
});
function breached(accounts: object = { breachedPasswordsUrl: url }): BreachedPasswords {
  const config = { accounts } as unknown as Config;
  const onChecked = (result: string) => void results.push(result);
  return Object.assign(new BreachedPasswords(config, { warn } as unknown as PinoLogger), { onChecked, timeoutMs: 200 });
}
const lines = (...suffixes: string[]) => {
  answer = (response) => response.end(`${'0'.repeat(35)}:12\r\n${suffixes.join('\r\n')}`);
};

describe('ASVS 6.2.12: a service of breached passwords', () => {
  it('is told five digits of the hash, and asked for padding', async () => {
    lines(`${hash.slice(5)}:3730471`);
    expect(await breached().has(password)).toBe(true);
    expect(asked.map(({ url: path, headers }) => [path, headers['add-padding']])).toEqual([
      [`/range/${hash.slice(0, 5)}`, 'true'],
    ]);
    const sent = JSON.stringify([asked[0].url, asked[0].rawHeaders]);
    expect(sent).not.toContain(hash.slice(5, 12));
    expect(sent).not.toContain('horse');
    expect(results).toEqual(['breached']);
  });

  it('does not know what is not in its answer, or is there as padding only', async () => {
    lines();
    expect(await breached().has(password)).toBe(false);
    lines(`${hash.slice(5)}:0`);
    expect(await breached().has(password)).toBe(false);
    expect(results).toEqual(['not found', 'not found']);
    expect(warn).not.toHaveBeenCalled();
  });

  it.each([
    ['says that it cannot', (response: ServerResponse) => void response.writeHead(503).end()],
    ['sends elsewhere', (response: ServerResponse) => void response.writeHead(302, { location: '/' }).end()],
    ['takes too long', () => undefined],
    ['stops in the middle', (response: ServerResponse) => void response.write(`${hash.slice(5)}:1`)],
    ['breaks off', (response: ServerResponse) => void response.destroy()],
  ])('keeps nobody from choosing a password when it %s', async (_what, does) => {
    answer = does;
    expect(await breached().has(password)).toBe(false);
    expect(results).toEqual(['unavailable']);
    expect(warn).toHaveBeenCalledTimes(1);
    expect(JSON.stringify(warn.mock.calls)).not.toMatch(/horse/);
  });

  it('is not asked where the site names none', async () => {
    expect(await breached({}).has(password)).toBe(false);
    expect([asked.length, results.length]).toEqual([0, 0]);
  });

  it('is asked for each password that is chosen, and its word counts', async () => {
    const passwords = new PasswordsService(breached());
    lines(`${hash.slice(5)}:1`);
    await expect(passwords.hashNew(password)).rejects.toMatchObject({
      code: 'invalid_input',
      fields: { password: expect.stringMatching(/breach/) },
    });
    lines();
    expect(await passwords.verify(await passwords.hashNew(password), password)).toBe(true);
    // In the composed form, as it is hashed.
    const composed = createHash('sha1').update('caf\u00e9 au lait').digest('hex').toUpperCase();
    lines(`${composed.slice(5)}:1`);
    await expect(passwords.hashNew('cafe\u0301 au lait')).rejects.toMatchObject({ code: 'invalid_input' });
    // Signing in asks no service.
    asked.length = 0;
    await passwords.hash(password);
    expect(asked).toEqual([]);
  });
});
