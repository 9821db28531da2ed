// What a stack of this machine listens on: loopback, but for one port that MySQL opens to all (libs/local-stack/README.md).
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { startStack, type Stack } from '@roam/local-stack';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { createServer, type AddressInfo } from 'node:net';
import { isLoopback, listenersOf } from '../support/listeners.js';

jest.setTimeout(180_000);

const describeOnLinux = process.platform === 'linux' ? describe : describe.skip;
if (process.platform !== 'linux') console.warn('SKIPPED: the listening sockets are read from /proc, which Linux has');

describeOnLinux('the processes of a stack', () => {
  let stack: Stack;
  beforeAll(async () => {
    const env = { SESSION_METHOD: 'sync', SESSION_OUTAGE: 'read-only' };
    stack = await startStack({ servers: 2, topology: 'multi-primary', links: true, env });
  }, 180_000);
  afterAll(() => stack?.stop());

  it('listen on loopback only, but for the port of Group Replication, which knows its members', async () => {
    const groupPorts: number[] = [];
    for (const { adminUrl } of stack.databases.nodes) {
      const connection = await createConnection(adminUrl);
      const [[row]] = await connection.query<RowDataPacket[]>(
        'SELECT @@group_replication_local_address AS own, @@group_replication_ip_allowlist AS allowed',
      );
      await connection.end();
      expect(row.own).toMatch(/^127\.0\.0\.1:\d+$/);
      // Whoever else connects is sent away: nothing but this machine is on the list.
      for (const address of String(row.allowed).split(',')) expect(address).toMatch(/^127\./);
      groupPorts.push(Number(String(row.own).split(':')[1]));
    }
    const found = listenersOf(process.pid);
    // All of them were seen: each database, each web server with its three or four ports, nginx.
    const pids = [stack.nginx, ...stack.servers, ...stack.databases.nodes].map(({ pid }) => pid);
    for (const pid of pids) expect(found.map((each) => each.pid)).toContain(pid);
    for (const { pid } of stack.servers) expect(found.filter((each) => each.pid === pid).length).toBeGreaterThan(3);
    const open = found.filter((each) => !isLoopback(each));
    const databases = stack.databases.nodes.map(({ pid }) => pid);
    expect(open.filter(({ pid, port }) => !(databases.includes(pid) && groupPorts.includes(port)))).toEqual([]);
    expect(new Set(open.map(({ port }) => port))).toEqual(new Set(groupPorts));
  });

  it('would be seen on any other address', async () => {
    for (const [host, address] of [
      ['0.0.0.0', '0.0.0.0'],
      ['::', '0'.repeat(32)],
    ]) {
      const server = createServer().listen(0, host);
      await new Promise((resolve) => server.once('listening', resolve));
      const { port } = server.address() as AddressInfo;
      const [found] = listenersOf(process.pid).filter((each) => each.port === port);
      expect([found?.address, found && isLoopback(found)]).toEqual([address, false]);
      server.close();
    }
  });
});
