// Handlers that fail, for web servers of tests: which there are, and how often each request ran.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectDir, type StackOptions } from '@roam/local-stack';

export class Poison {
  private readonly dir = mkdtempSync(join(tmpdir(), 'roam-poison-'));
  private readonly log = join(this.dir, 'runs');
  private sent = 0;

  /** @param turnMs milliseconds between two replacements, where it is not to be the product's own */
  options(turnMs?: number): Pick<StackOptions, 'preload' | 'env'> {
    return {
      preload: join(projectDir, 'test/support/failing-handlers.mjs'),
      env: { POISON_LOG: this.log, ...(turnMs !== undefined && { POISON_TURN_MS: String(turnMs) }) },
    };
  }

  /** The path of one more request of this kind, and how often it has run. */
  request(kind: string): { readonly path: string; readonly runs: () => number } {
    const id = `p${this.sent++}`;
    return {
      path: `/api/poison/${kind}?id=${id}`,
      runs: () => this.lines().filter((each) => each.startsWith(`${id} `)).length,
    };
  }

  /** How many requests ran, and those that ran more than once: each run's kind, process and time. */
  get runs(): { readonly requests: number; readonly repeated: readonly string[] } {
    const lines = this.lines();
    const times = new Map<string, number>();
    for (const line of lines) times.set(idOf(line), (times.get(idOf(line)) ?? 0) + 1);
    return { requests: times.size, repeated: lines.filter((line) => times.get(idOf(line))! > 1) };
  }

  close(): void {
    rmSync(this.dir, { recursive: true });
  }

  private lines(): string[] {
    return existsSync(this.log) ? readFileSync(this.log, 'utf8').split('\n').filter(Boolean) : [];
  }
}

const idOf = (line: string) => line.split(' ')[0];
