// The files that tell other programs where the running demo is: the state file, and the settings for `npm run admin`.
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { leaderOf, type Stack, type StackProcess } from '@roam/local-stack';

/** Read by `npm run admin` and `npm run migration:…`, so that they work beside a demo or `npm run dev`. */
export const ADMIN_SETTINGS = '.roam/demo.env';

export interface DemoState {
  readonly url: string;
  readonly method: string;
  /** The web server that leads, where one takes the writes of all. */
  readonly leader?: string;
  readonly nginx: Running;
  readonly servers: readonly (Running & { readonly name: string; readonly url: string })[];
  readonly databases: readonly (Running & {
    readonly name: string;
    readonly host: string;
    readonly port: number;
    readonly role: 'primary' | 'replica';
  })[];
}

interface Running {
  /** The process itself; null where Docker runs it. */
  readonly pid: number | null;
  /** The container, where Docker runs it. */
  readonly container?: string;
}

export async function stateOf(stack: Stack, method: string): Promise<DemoState> {
  const leader = await leaderOf(stack);
  return {
    url: stack.url,
    method,
    ...(leader !== undefined && { leader }),
    nginx: running(stack.nginx),
    servers: stack.servers.map((server) => ({ name: server.name, url: server.url, ...running(server) })),
    databases: await Promise.all(
      stack.databases.nodes.map(async (node) => {
        const { name, host, port } = node;
        // One that does not answer takes no writes.
        return { name, host, port, ...running(node), role: await node.role().catch(() => 'replica' as const) };
      }),
    ),
  };
}

function running({ pid, container }: StackProcess): Running {
  return container === undefined ? { pid } : { pid, container };
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
