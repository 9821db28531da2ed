// A server whose own network is gone hears errors at once, not silence: it must not take its peers for dead.
import { afterEach, expect, it, jest } from '@jest/globals';
import { StoreUnavailableError } from '../../core/errors.js';
import { aRecord } from '../../testing/a-record.js';
import { SyncSessionStore } from './sync-session-store.js';
import { freePorts, site } from './testing/site.js';
import { until } from './testing/until.js';

jest.setTimeout(60_000);

let store: SyncSessionStore | undefined;

afterEach(() => store?.close());

it('acknowledges nothing where no way leads to its peers, nor to anybody else', async () => {
  const [options] = site(await freePorts(1), { timings: { aloneAfter: 100 } });
  const peers = ['web2.invalid:7946', '255.255.255.255:7946'];
  const opened = (store = await SyncSessionStore.open({ ...options, peers, isCutOff: async () => true }));
  await until('all have been dialled', () => opened.isCutOff);
  await expect(opened.create(aRecord())).rejects.toThrow(StoreUnavailableError);
  await expect(opened.find(aRecord().id)).rejects.toThrow(StoreUnavailableError);
});
