// A web server's process: while it starts, it leaves the processor to those that serve.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { getPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PortReservation } from '../system/ports.js';
import { NodeWebServer } from './web-server.js';

/** Ready when the file is there. */
const script = `
require('node:http').createServer((_, response) => {
  process.stdout.write('asked ');
  response.statusCode = require('node:fs').existsSync(process.env.FILE) ? 200 : 503;
  response.end();
}).listen(process.env.METRICS_PORT);`;

let dir: string;
let server: NodeWebServer;
let ports: PortReservation;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'web-server-'));
  ports = new PortReservation();
  const [port, metricsPort] = [await ports.next(), await ports.next()];
  writeFileSync(join(dir, 'server.cjs'), script);
  const env = { FILE: join(dir, 'ready') };
  server = new NodeWebServer({ name: 'web1', script: join(dir, 'server.cjs'), dir, port, metricsPort, env });
});
afterEach(async () => {
  await server.kill();
  ports.release();
  rmSync(dir, { recursive: true, force: true });
});

/** How much each of its threads gives way, and its session, as far as this system knows such a thing. */
function niceness(pid: number): number[] {
  const group = `/proc/${pid}/autogroup`;
  const ofGroup = existsSync(group) ? [Number(/nice (-?\d+)/.exec(readFileSync(group, 'utf8'))?.[1] ?? 0)] : [];
  const threads = process.getuid?.() === 0 ? readdirSync(`/proc/${pid}/task`) : [];
  return [...ofGroup, ...threads.map((thread) => getPriority(Number(thread)))];
}

const onLinux = process.platform === 'linux' ? describe : describe.skip;
if (process.platform !== 'linux') console.error('NOT TESTED: priorities, which only Linux has for each thread.');

onLinux('a web server that starts', () => {
  it('gives way until it serves, then takes its part with every thread', async () => {
    const started = server.start();
    while (server.logTail() === '') await sleep(10);
    const meanwhile = niceness(server.pid!);
    expect(meanwhile.every((nice) => nice > 0)).toBe(true);
    writeFileSync(join(dir, 'ready'), '');
    await started;
    expect(niceness(server.pid!).every((nice) => nice === 0)).toBe(true);
    // Threads of V8 and libuv were among them.
    if (process.getuid?.() === 0) expect(meanwhile.length).toBeGreaterThan(2);
  });
});
