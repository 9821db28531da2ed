// What is not a MySQL server of a cluster is refused at connect, with the reason.
import { afterEach, describe, expect, it } from '@jest/globals';
import { createServer as createMysqlServer, type Connection } from 'mysql2';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { inspect } from 'node:util';
import { ClusterUnavailableError, MysqlCluster } from './index.js';
import { refusal } from './probe.js';

const closing: (() => void)[] = [];
afterEach(() => closing.splice(0).forEach((close) => close()));

/** A server that speaks MySQL's protocol and answers every query with its version, as MariaDB does. */
async function serverOfVersion(version: string): Promise<string> {
  const speaker = createMysqlServer(() => undefined);
  speaker.on('connection', (connection: Connection) => {
    connection.on('error', () => undefined);
    connection.on('query', () => {
      const column = { catalog: 'def', schema: '', table: '', orgTable: '', name: 'version', orgName: 'version' };
      const type = { characterSet: 45, columnLength: 64, columnType: 253, flags: 0, decimals: 0 };
      connection.writeTextResult([{ version }], [{ ...column, ...type }]);
      connection.sequenceId = 0;
    });
    connection.serverHandshake({
      protocolVersion: 10,
      serverVersion: version,
      connectionId: 1,
      statusFlags: 2,
      characterSet: 45,
      capabilityFlags: 0xffffff,
      authCallback: (_login: unknown, done: (error: null) => void) => {
        done(null);
        connection.sequenceId = 0;
      },
    });
  });
  speaker.listen(0);
  // mysql2 keeps the listening server to itself.
  const listening = (speaker as unknown as { _server: Server })._server;
  if (!listening.listening) await once(listening, 'listening');
  closing.push(() => listening.close());
  return `mysql://app:secret@127.0.0.1:${(listening.address() as AddressInfo).port}/app`;
}

describe('MysqlCluster.connect', () => {
  it.each([
    ['5.5.5-10.11.6-MariaDB-0+deb12u1', /is MariaDB 10\.11\.6; MySQL 8\.4 or later is needed/],
    ['8.0.43', /is MySQL 8\.0\.43; MySQL 8\.4 or later is needed/],
  ])('refuses %s at once and says why', async (version, reason) => {
    const startedAt = performance.now();
    const connecting = MysqlCluster.connect({ urls: [await serverOfVersion(version)], startTimeoutMs: 20_000 });
    await expect(connecting).rejects.toThrow(reason);
    await expect(connecting).rejects.toBeInstanceOf(ClusterUnavailableError);
    expect(performance.now() - startedAt).toBeLessThan(5000);
  });

  it('waits for a server that cannot be reached, says so, and gives up with the reason when the time is up', async () => {
    const lines: string[] = [];
    const options = { urls: ['mysql://app:secret@127.0.0.1:1/app'], startTimeoutMs: 1500 };
    const connecting = MysqlCluster.connect({ ...options, log: (_level, message) => void lines.push(message) });
    await expect(connecting).rejects.toThrow(/timed out after 1\.5 s waiting .*127\.0\.0\.1:1: .*ECONNREFUSED/);
    expect(lines).toContainEqual(expect.stringMatching(/^waiting for MySQL at 127\.0\.0\.1:1: .*ECONNREFUSED/));
    expect(lines.join()).not.toContain('secret');
  });

  it('gives up on a server that accepts connections and never speaks', async () => {
    const silent = createServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    closing.push(() => silent.close());
    const urls = [`mysql://app:secret@127.0.0.1:${(silent.address() as AddressInfo).port}/app`];
    await expect(MysqlCluster.connect({ urls, startTimeoutMs: 1500 })).rejects.toThrow(/no answer from MySQL within/);
  });

  it('rejects a malformed url without repeating its password', async () => {
    const urls = ['mysql://ok:ok@127.0.0.1/app', 'postgres://app:secret@127.0.0.1/app'];
    const rejected = expect(MysqlCluster.connect({ urls })).rejects;
    await rejected.toThrow(/database URL 2 must have the form/);
    await expect(MysqlCluster.connect({ urls })).rejects.not.toThrow(/secret/);
    await expect(MysqlCluster.connect({ urls: [] })).rejects.toThrow('no database URLs');
  });
});

describe('versions', () => {
  it.each(['8.4.0', '8.4.6-debug', '9.7.4', '10.0.1'])('%s is taken', (version) => {
    expect(refusal(version)).toBeUndefined();
  });
  it.each(['5.7.44-log', '8.0.36', '8.3.0', '11.4.2-MariaDB', 'TiDB'])('%s is refused', (version) => {
    expect(refusal(version)).toBeDefined();
  });
});

it('shows no password in a log of the cluster', () => {
  const failover = { nodeSet: { options: { urls: ['mysql://app:a-password@db1/app'] } } };
  const cluster = Reflect.construct(MysqlCluster, [failover]) as MysqlCluster;
  expect(inspect(cluster, { depth: Infinity }) + JSON.stringify(cluster)).not.toContain('a-password');
});
