// What several runs share: the cache, ports and run folders; none may disturb another.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { isAlive, ownMark } from './alive.js';
import { cached } from './cached.js';
import { isFree, PortReservation } from './ports.js';
import { roamDir } from './project-dir.js';
import { makeRunDir } from './run-dir.js';

/** The mark of a process that has ended. */
const deadMark = () => `${spawnSync('true').pid} ${hostname()}`;

describe('marks of processes', () => {
  it('tells the living from the dead, and leaves other machines alone', () => {
    expect(isAlive(ownMark())).toBe(true);
    expect(isAlive(deadMark())).toBe(false);
    expect(isAlive('1 another-machine')).toBe(true);
  });
});

describe('the cache', () => {
  const name = `spec-${process.pid}`;
  const dir = join(roamDir('cache'), name);
  afterEach(() => {
    rmSync(dir, { recursive: true, force: true });
    rmSync(`${dir}.lock`, { force: true });
  });

  it('makes a folder once, however many ask for it at the same time', async () => {
    let made = 0;
    const make = async (draft: string) => {
      made++;
      await sleep(150);
      writeFileSync(join(draft, 'file'), 'whole');
    };
    const dirs = await Promise.all([cached(name, make), cached(name, make), cached(name, make)]);
    expect(made).toBe(1);
    expect(new Set(dirs)).toEqual(new Set([dir]));
    expect(readFileSync(join(dir, 'file'), 'utf8')).toBe('whole');
  });

  it('leaves nothing behind when making it fails, so that the next one may try', async () => {
    await expect(cached(name, () => Promise.reject(new Error('no network')))).rejects.toThrow('no network');
    expect(existsSync(dir)).toBe(false);
    await cached(name, async (draft) => writeFileSync(join(draft, 'file'), ''));
    expect(existsSync(join(dir, 'file'))).toBe(true);
  });

  it('does not wait for a process that died while it made it', async () => {
    writeFileSync(`${dir}.lock`, deadMark());
    await cached(name, async (draft) => writeFileSync(join(draft, 'file'), ''));
    expect(existsSync(join(dir, 'file'))).toBe(true);
  });
});

describe('ports', () => {
  it('are free, and given once', async () => {
    const first = new PortReservation();
    const second = new PortReservation();
    const ports = [await first.next(), await first.next(), await second.next()];
    expect(new Set(ports).size).toBe(3);
    for (const port of ports) expect(existsSync(join(roamDir('ports'), String(port)))).toBe(true);
    first.release();
    second.release();
    for (const port of ports) expect(existsSync(join(roamDir('ports'), String(port)))).toBe(false);
  });

  it('of one stack are not given to another, also while nothing listens there', async () => {
    const first = new PortReservation(31_990, 31_991);
    const second = new PortReservation(31_990, 31_991);
    expect(await first.next()).toBe(31_990);
    await expect(second.next()).rejects.toThrow('No free port');
    first.release();
    expect(await second.next()).toBe(31_990);
    second.release();
  });

  it('that are in use are seen', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    expect(await isFree(port)).toBe(false);
    await new Promise((resolve) => server.close(resolve));
    expect(await isFree(port)).toBe(true);
  });
});

describe('run folders', () => {
  it('of dead runs go at the next start, those of live ones stay', () => {
    const live = makeRunDir();
    const dead = join(roamDir('run'), `run-dead-${process.pid}`);
    mkdirSync(dead);
    writeFileSync(join(dead, 'owner'), deadMark());
    const unowned = join(roamDir('run'), `run-unowned-${process.pid}`);
    mkdirSync(unowned);
    utimesSync(unowned, 0, 0);
    const next = makeRunDir();
    expect(existsSync(dead)).toBe(false);
    expect(existsSync(unowned)).toBe(false);
    expect(existsSync(live.path)).toBe(true);
    live.remove();
    next.remove();
    expect(existsSync(live.path)).toBe(false);
  });
});
