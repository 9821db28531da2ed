// TLS to MySQL: a node is spoken to only when its certificate is the trusted authority's, and for its name.
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { startDatabases, type Databases } from '@roam/local-stack';
import type { RowDataPacket } from 'mysql2';
import { createConnection } from 'mysql2/promise';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MysqlCluster } from './index.js';

jest.setTimeout(60_000);

let databases: Databases;
let folder: string;
const file = (name: string) => join(folder, name);
const pem = (name: string) => readFileSync(file(name), 'utf8');

const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

function makeAuthority(name: string): void {
  openssl(
    'req',
    '-x509',
    ...newKey,
    '-days',
    '2',
    '-subj',
    `/CN=${name}`,
    '-keyout',
    file(`${name}.key`),
    '-out',
    file(`${name}.pem`),
  );
}

/** The certificate and its key, in one file. */
function makeCertificate(name: string, authority: string, host: string): void {
  openssl('req', ...newKey, '-subj', `/CN=${name}`, '-keyout', file(`${name}.key`), '-out', file(`${name}.csr`));
  writeFileSync(file('extensions'), `subjectAltName=DNS:${host}\n`);
  const signing = [
    '-CA',
    file(`${authority}.pem`),
    '-CAkey',
    file(`${authority}.key`),
    '-CAcreateserial',
    '-days',
    '2',
  ];
  openssl(
    'x509',
    '-req',
    '-in',
    file(`${name}.csr`),
    ...signing,
    '-extfile',
    file('extensions'),
    '-out',
    file(`${name}.crt`),
  );
  writeFileSync(file(`${name}.pem`), pem(`${name}.crt`) + pem(`${name}.key`));
}

/** What the node shows to whoever connects from now on. */
async function show(certificate: string, authority: string): Promise<void> {
  const admin = await createConnection(databases.nodes[0].adminUrl);
  await admin.query('SET GLOBAL ssl_ca = ?, ssl_cert = ?, ssl_key = ?', [
    file(`${authority}.pem`),
    file(`${certificate}.pem`),
    file(`${certificate}.pem`),
  ]);
  await admin.query('ALTER INSTANCE RELOAD TLS');
  await admin.end();
}

function connect(ca: string): Promise<MysqlCluster> {
  const url = new URL(databases.urls[0]);
  url.hostname = 'localhost';
  return MysqlCluster.connect({ urls: [url.href], ca: pem(ca), startTimeoutMs: 1_500 });
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'roam-tls-'));
  makeAuthority('ours');
  makeAuthority('theirs');
  makeCertificate('node', 'ours', 'localhost');
  makeCertificate('elsewhere', 'ours', 'mysql.example');
  databases = await startDatabases({ count: 1, topology: 'single' });
});
afterAll(async () => {
  await databases?.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe('a site that names an authority', () => {
  it('speaks TLS with a node that it vouches for', async () => {
    await show('node', 'ours');
    const cluster = await connect('ours.pem');
    try {
      interface Row extends RowDataPacket {
        readonly Value: string;
      }
      const [row] = await cluster.read<Row>("SHOW SESSION STATUS LIKE 'Ssl_version'", []);
      expect(row.Value).toMatch(/^TLSv1\.[23]$/);
    } finally {
      await cluster.close();
    }
  });

  it('sends nothing to a node with a certificate of somebody else', async () => {
    await show('node', 'ours');
    await expect(connect('theirs.pem')).rejects.toThrow(/certificate/);
  });

  it('sends nothing to a node with a certificate for another host', async () => {
    await show('elsewhere', 'ours');
    await expect(connect('ours.pem')).rejects.toThrow(/not in the cert|altnames|certificate/i);
  });
});
