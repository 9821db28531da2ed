// The files that tell other programs where the running demo is: the state file, and the settings for `npm run admin`.
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Stack } from '@roam/local-stack';

export interface DemoState {
  readonly url: string;
  readonly method: string;
  readonly nginx: { readonly pid: number | null };
  readonly servers: readonly { readonly name: string; readonly url: string; readonly pid: number | null }[];
  readonly databases: readonly {
    readonly name: string;
    readonly host: string;
    readonly port: number;
    readonly pid: number | null;
    readonly role: 'primary' | 'replica';
  }[];
}

export async function stateOf(stack: Stack, method: string): Promise<DemoState> {
  return {
    url: stack.url,
    method,
    nginx: { pid: stack.nginx.pid },
    servers: stack.servers.map(({ name, url, pid }) => ({ name, url, pid })),
    databases: await Promise.all(
      stack.databases.nodes.map(async (node) => {
        const { name, host, port, pid } = node;
        // One that does not answer takes no writes.
        return { name, host, port, pid, role: await node.role().catch(() => 'replica' as const) };
      }),
    ),
  };
}

/** Writes for the owner only, whatever was there before. */
export function writePrivately(file: string, text: string): void {
  const path = resolve(file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text, { mode: 0o600 });
  chmodSync(path, 0o600);
}

/** The form that `node --env-file` reads. */
export function environmentFile(settings: Readonly<Record<string, string>>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name}="${value}"\n`)
    .join('');
}

export function removeFile(file: string): void {
  rmSync(resolve(file), { force: true });
}
