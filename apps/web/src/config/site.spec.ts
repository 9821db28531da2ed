// The site's name stands in `site.ts` alone, so that one's own app changes it once.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { accountMails } from '../account/account-mails.js';
import { siteName } from './site.js';

const source = 'apps/web/src';
/** Names of packages, the account and the database in URLs, and the purposes of keys, which must never change. */
const allowed =
  /@roam\/[\w-]+|\broam\.example\b|'roam (?:second factor|outbox|request claims|form tokens|known devices|passkey challenges)'/g;

describe('the name of the site', () => {
  it('stands in no template, script or other source than site.ts', () => {
    const files = readdirSync(source, { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(eta|js|css|svg|ts)$/.test(name))
      .filter((name) => !/\.spec\.ts$|(^|\/)testing\/|^config\/site\.ts$/.test(name));
    expect(files.length).toBeGreaterThan(100);
    const named = files.filter((name) =>
      new RegExp(`\\b${siteName}\\b`, 'i').test(readFileSync(join(source, name), 'utf8').replaceAll(allowed, '')),
    );
    expect(named).toEqual([]);
  });

  it('stands in the subject of every e-mail', () => {
    const device = { device: 'Firefox on Linux', ip: '192.0.2.1', at: new Date(0) };
    const { verify, reset, newDevice, secondFactor, passkey, wrongCodes, unlockCodes, ...others } = accountMails;
    const mails = [
      verify('url'),
      reset('url', 5),
      newDevice(device),
      secondFactor(true),
      passkey(true),
      wrongCodes(3),
      unlockCodes('url'),
      ...Object.values(others).map((mail) => mail()),
    ];
    expect(mails).toHaveLength(Object.keys(accountMails).length);
    for (const { subject } of mails) expect(subject).toContain(siteName);
  });
});
