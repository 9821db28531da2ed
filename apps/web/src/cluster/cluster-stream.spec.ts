// The stream of the cluster's page: its content, its times, the maximum number of clients, and its end.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { NodeStatus } from '@roam/mysql-cluster';
import express from 'express';
import { parseSettings } from '../config/parse-settings.js';
import type { SessionPlace } from '../session/session-storage.js';
import type { ClusterState } from './cluster-state.js';
import { clusterStream } from './cluster-stream.js';

const places: readonly SessionPlace[] = [
  { kind: 'mount', name: 'mount1', state: 'fenced', reason: 'no answer within 500 ms' },
];

const online: NodeStatus = {
  name: 'db1.test:3306',
  uuid: undefined,
  state: 'online',
  role: 'primary',
  writable: true,
  lagMs: 0,
  reason: undefined,
};

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

async function start(settings: Record<string, string> = { SHOW_SERVER: 'on' }) {
  const config = parseSettings({
    DATABASE_URLS: 'mysql://roam:pw@127.0.0.1:3306/roam',
    SESSION_SECRETS: 'Vt7mHq2zLw9sXc4bNk8rYp3eJd6fGa5u',
    SERVER_NAME: 'web1',
    ...settings,
  });
  const listeners = new Set<() => void>();
  const fake = {
    nodes: [online],
    listeners,
    readiness: { phase: 'ready' as 'ready' | 'draining', leader: () => undefined, places: () => places },
  };
  const cluster = {
    nodes: () => fake.nodes,
    homeOf: (key: string) => (key === 'abc' ? online.name : undefined),
    onChange: (listener: () => void) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
  server = createServer(express().use(clusterStream(config, cluster as never, fake.readiness)));
  await new Promise<void>((listening) => server!.listen(0, '127.0.0.1', listening));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/streams/cluster`;
  return { ...fake, fake, url };
}

/** The states that a stream sends, one after the other. */
async function* moments(url: string): AsyncGenerator<ClusterState> {
  const answer = await fetch(url);
  let text = '';
  for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const event = text.slice(0, end);
      text = text.slice(end + 2);
      if (event.startsWith('data: ')) yield JSON.parse(event.slice(6)) as ClusterState;
    }
  }
}

describe('the stream of the cluster', () => {
  it('tells at once what is, then what changes, and where the session is kept', async () => {
    const { url, fake, listeners } = await start();
    const stream = moments(`${url}?session=abc`);
    expect((await stream.next()).value).toMatchObject({
      server: 'web1',
      home: 'db1',
      databases: [{ name: 'db1', address: 'db1.test:3306', state: 'online', note: 'primary, 0 ms behind' }],
      places: [{ name: 'mount1', state: 'fenced', note: 'no answer within 500 ms' }],
    });
    fake.nodes = [{ ...online, state: 'down' }];
    for (const listener of listeners) listener();
    expect((await stream.next()).value).toMatchObject({ databases: [{ state: 'down' }] });
    await stream.return(undefined);
  });

  it('ends while the server drains', async () => {
    const { url, readiness, listeners } = await start();
    const stream = moments(url);
    await stream.next();
    readiness.phase = 'draining';
    for (const listener of listeners) listener();
    expect((await stream.next()).done).toBe(true);
    expect(listeners.size).toBe(0);
  });

  it('does not exist where servers are not shown', async () => {
    const { url } = await start({});
    expect((await fetch(url)).status).toBe(404);
  });
});
