// A server that comes back, with or without what it knew: nothing that was acknowledged is undone.
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import type { SyncOptions } from './options.js';
import { SyncSessionStore } from './sync-session-store.js';
import { freePorts, site, until } from './testing.js';
import { Proxy } from './testing-proxy.js';

jest.setTimeout(60_000);

let stores: SyncSessionStore[] = [];
let proxies: Proxy[] = [];

async function open(options: SyncOptions): Promise<SyncSessionStore> {
  const store = await SyncSessionStore.open(options);
  stores.push(store);
  return store;
}

async function proxyTo(port: number): Promise<Proxy> {
  const proxy = await Proxy.to(port);
  proxies.push(proxy);
  return proxy;
}

const via = (proxy: Proxy) => [`127.0.0.1:${proxy.port}`];

afterEach(async () => {
  await Promise.all(stores.map((store) => store.close()));
  for (const proxy of proxies) proxy.close();
  [stores, proxies] = [[], []];
});

describe('an end of all sessions', () => {
  it('counts also when its server has forgotten those that it took before', async () => {
    const [first, second] = site(await freePorts(2), { timings: { aloneAfter: 100 } });
    const proxy = await proxyTo(second.listen.port);
    const [before, other] = await Promise.all([open({ ...first, peers: via(proxy) }), open(second)]);
    await before.raiseEpoch('user-1');
    expect(await other.epochOf('user-1')).toBe(1);
    await before.close();
    proxy.cut();
    const again = await open({ ...first, peers: via(proxy) });
    await again.raiseEpoch('user-1');
    proxy.heal();
    await until('they hold the same', () =>
      [again, other].every((store) => store.isReady && store.stats().digest === again.stats().digest),
    );
    for (const store of [again, other]) expect(await store.epochOf('user-1')).toBe(2);
  });
});
