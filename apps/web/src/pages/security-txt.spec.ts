// /.well-known/security.txt: its fields and their form (RFC 9116), and for how long it is valid.
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import express from 'express';
import supertest from 'supertest';
import { InvalidSettingsError, parseSettings } from '../config/parse-settings.js';
import { securityTxt } from './security-txt.js';

const DAY = 86_400_000;
const PATH = '/.well-known/security.txt';
const configOf = (settings: Record<string, string> = {}) =>
  parseSettings({
    DATABASE_URLS: 'mysql://roam:pw@127.0.0.1:3306/roam',
    SESSION_SECRETS: 'Vt7mHq2zLw9sXc4bNk8rYp3eJd6fGa5u',
    PUBLIC_URL: 'https://www.roam.test',
    ...settings,
  });
const site = (settings?: Record<string, string>) => supertest(express().use(securityTxt(configOf(settings))));

/** The fields of the file, in their order; each line must be one (RFC 9116, section 2.2). */
function fieldsOf(text: string): [name: string, value: string][] {
  expect(text).toMatch(/\n$/);
  return text
    .slice(0, -1)
    .split('\n')
    .map((line) => {
      const [, name, value] = /^([A-Z][A-Za-z-]+): (\S.*\S)$/.exec(line)!;
      return [name, value];
    });
}

afterEach(() => void jest.restoreAllMocks());

describe('security.txt', () => {
  it('has what RFC 9116 asks for, made of the settings of the site', async () => {
    const answer = await site().get(PATH);
    expect([answer.status, answer.headers['content-type']]).toEqual([200, 'text/plain; charset=utf-8']);
    const [[, expires], ...fields] = [...fieldsOf(answer.text)].sort(([a]) => (a === 'Expires' ? -1 : 0));
    expect(fields).toEqual([
      ['Contact', 'mailto:security@www.roam.test'],
      ['Preferred-Languages', 'en'],
      ['Canonical', `https://www.roam.test${PATH}`],
    ]);
    expect(expires).toMatch(/^\d{4}-\d\d-\d\dT00:00:00\.000Z$/);
    const days = (Date.parse(expires) - Date.now()) / DAY;
    expect(days).toBeGreaterThan(362);
    expect(days).toBeLessThan(365);
  });

  it('names the contacts in the order of preference, and the policy', async () => {
    const contacts = 'https://www.roam.test/report, mailto:psirt@roam.test,tel:+1-201-555-0123';
    const { text } = await site({ SECURITY_CONTACTS: contacts, SECURITY_POLICY: 'https://roam.test/policy' }).get(PATH);
    const fields = fieldsOf(text);
    expect(fields.filter(([name]) => name === 'Contact').map(([, value]) => value)).toEqual(contacts.split(/, ?/));
    expect(fields).toContainEqual(['Policy', 'https://roam.test/policy']);
  });

  it('is the same for all: kept by caches for a day, without a cookie', async () => {
    const { headers, text } = await site().head(PATH);
    expect(headers['cache-control']).toBe('public, max-age=86400');
    expect([headers['set-cookie'], headers.vary, text]).toEqual([undefined, undefined, undefined]);
    expect(Number(headers['content-length'])).toBeGreaterThan(100);
  });

  it('is never given out when it has expired, nor kept beyond that', async () => {
    const start = Date.now();
    const now = jest.spyOn(Date, 'now').mockReturnValue(start);
    const running = site();
    const [, expires] = fieldsOf((await running.get(PATH)).text).find(([name]) => name === 'Expires')!;
    now.mockReturnValue(Date.parse(expires) - 60_000);
    expect((await running.get(PATH)).headers['cache-control']).toBe('public, max-age=60');
    now.mockReturnValue(Date.parse(expires));
    expect((await running.get(PATH)).status).toBe(404);
    // A server that starts then is valid for another year.
    expect((await site().get(PATH)).status).toBe(200);
  });

  it('is at one address, to be read only', async () => {
    expect((await site().post(PATH)).status).toBe(404);
    for (const path of ['/security.txt', `${PATH}/`, '/.well-known/SECURITY.TXT'])
      expect((await site().get(path)).status).toBe(404);
  });

  it.each([
    ['SECURITY_CONTACTS', 'security@roam.test'],
    ['SECURITY_CONTACTS', 'http://roam.test/report'],
    ['SECURITY_CONTACTS', 'mailto:security@roam.test, mailto:'],
    ['SECURITY_CONTACTS', 'mailto:a@roam.test\nPolicy: https://evil.test'],
    ['SECURITY_POLICY', 'http://roam.test/policy'],
    ['SECURITY_POLICY', 'https://roam.test/a b'],
  ])('does not start with %s=%j', (name, value) => {
    expect(() => configOf({ [name]: value })).toThrow(InvalidSettingsError);
    expect(() => configOf({ [name]: value })).toThrow(name);
  });
});
