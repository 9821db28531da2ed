// Free ports, each given to one stack only, also when several begin at the same time.
import { randomInt } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { StackError } from '../errors.js';
import { isAlive, ownMark } from './alive.js';
import { atExit } from './at-exit.js';
import { roamDir } from './project-dir.js';

/** Below the range from which systems take the ports of outgoing connections: those could take ours while a server restarts. */
const FIRST = 20_000;
const LAST = 32_000;

/** A set of ports that stay ours until `release`, also while nothing listens on them. */
export class PortReservation {
  private readonly files: string[] = [];
  private readonly forget = atExit(() => this.removeFiles());

  constructor(
    private readonly first = FIRST,
    private readonly last = LAST,
  ) {
    const claims = roamDir('ports');
    for (const name of readdirSync(claims)) dropStale(join(claims, name));
  }

  async next(): Promise<number> {
    for (let attempt = 0; attempt < 200; attempt++) {
      const port = randomInt(this.first, this.last);
      const file = join(roamDir('ports'), String(port));
      if (!claim(file)) continue;
      if (await isFree(port)) {
        this.files.push(file);
        return port;
      }
      rmSync(file, { force: true });
    }
    throw new StackError(
      'port_in_use',
      `No free port found between ${this.first} and ${this.last}: stop other stacks on this machine`,
    );
  }

  release(): void {
    this.forget();
    this.removeFiles();
  }

  private removeFiles(): void {
    for (const file of this.files.splice(0)) rmSync(file, { force: true });
  }
}

/** Whether a server on loopback could listen there now. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}

function claim(file: string): boolean {
  try {
    writeFileSync(file, ownMark(), { flag: 'wx' });
    return true;
  } catch {
    return false;
  }
}

/** Removes the claim of a run that died. */
function dropStale(file: string): void {
  try {
    const mark = readFileSync(file, 'utf8');
    if (mark !== '' && !isAlive(mark)) rmSync(file, { force: true });
  } catch {
    // Released in between.
  }
}
