// Middleware that reads requests, beside the session: uploads, GraphQL over HTTP, a proxy.
import { describe, expect, it } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import type { Client } from '../support/browser.js';
import { cartGraph } from './apps/graphql.js';
import { frontApp, shopApp } from './apps/proxy.js';
import { MOST_BYTES, photoUpload } from './apps/upload.js';
import { describeSamples } from './describe-samples.js';
import { multipart } from './multipart.js';
import { expectSessionCookies } from './session-cookies.js';

describeSamples((site) => {
  describe('multer', () => {
    const upload = async (client: Client, web: string, bytes: Buffer, title: string) => {
      const { body, headers } = await multipart({ title, photo: new File([bytes], 'söme photo.png') });
      return client.post(`${web}/photos`, body, headers);
    };
    const photo = (bytes: Buffer, title: string) => {
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      return { title, name: 'söme photo.png', sha256 };
    };

    it('reads the whole file, and commits what the session has got from it', async () => {
      const client = await site().serve(photoUpload);
      const [web1, web2, web3] = site().web;
      const files = [randomBytes(MOST_BYTES), randomBytes(10)];
      const first = await upload(client, web1, files[0], 'first');
      expect(first.status).toBe(201);
      expect(first.json()).toEqual(photo(files[0], 'first'));
      expectSessionCookies(site(), first);
      expect((await upload(client, web2, files[1], 'second')).status).toBe(201);
      const photos = [photo(files[0], 'first'), photo(files[1], 'second')];
      expect((await client.get(`${web3}/photos`)).json()).toEqual({ photos, begun: 2 });
    });

    it('refuses a file that is too large: what the session got until then is kept', async () => {
      const client = await site().serve(photoUpload);
      const [web1, web2] = site().web;
      const refused = await upload(client, web1, randomBytes(MOST_BYTES + 1), 'large');
      expect(refused).toMatchObject({ status: 400, text: '{"error":"LIMIT_FILE_SIZE"}' });
      expectSessionCookies(site(), refused);
      expect((await client.get(`${web2}/photos`)).json()).toEqual({ photos: [], begun: 1 });
    });

    it('does not say that a file has arrived when the session cannot keep it', async () => {
      const client = await site().serve(photoUpload);
      const [web1, web2] = site().web;
      site().refuseWrites();
      const refused = await upload(client, web1, randomBytes(100_000), 'lost');
      expect(refused).toMatchObject({ status: 503, setCookies: [] });
      expect((await client.get(`${web2}/photos`)).json()).toEqual({ photos: [], begun: 0 });
    });
  });

  describe('GraphQL over HTTP', () => {
    const ask = (client: Client, web: string, query: string) => client.post(`${web}/graphql`, { query });

    it('commits the changes of all resolvers of a mutation', async () => {
      const client = await site().serve(cartGraph);
      const [web1, web2, web3] = site().web;
      const changed = await ask(client, web1, 'mutation { a: add(item: "apple") b: add(item: "pear") }');
      expect(changed.json()).toEqual({ data: { a: ['apple'], b: ['apple', 'pear'] } });
      expectSessionCookies(site(), changed);
      const query = `${web2}/graphql?query=${encodeURIComponent('{ cart }')}`;
      expect((await client.get(query)).json()).toEqual({ data: { cart: ['apple', 'pear'] } });
      // A resolver that throws takes nothing back of what another has changed: GraphQL answers both.
      const half = await ask(client, web3, 'mutation { a: add(item: "plum") b: add(item: "") }');
      expect(half).toMatchObject({ status: 200 });
      expect(half.json()).toMatchObject({ errors: [{ message: 'An item has a name.', path: ['b'] }] });
      expect((await client.get(query)).json()).toEqual({ data: { cart: ['apple', 'pear', 'plum'] } });
    });

    it('answers an error, and not the data, when the changes cannot be kept', async () => {
      const client = await site().serve(cartGraph);
      const [web1, web2] = site().web;
      await ask(client, web1, 'mutation { add(item: "apple") }');
      const mistake = await ask(client, web1, 'mutation { add(item: "pear") addThing }');
      expect(mistake.status).toBe(500);
      expect(mistake.json()).toMatchObject({ error: { code: 'session_usage' } });
      site().refuseWrites();
      const refused = await ask(client, web1, 'mutation { add(item: "pear") }');
      expect(refused.status).toBe(503);
      expect(refused.json()).toMatchObject({ error: { code: 'session_store_unavailable' } });
      expect((await ask(client, web2, '{ cart }')).json()).toEqual({ data: { cart: ['apple'] } });
    });
  });

  describe('http-proxy-middleware', () => {
    /** The first two servers are the proxy, the third is the shop behind it. */
    const serve = () =>
      site().serve((sessions, server) =>
        server === 2 ? shopApp(sessions) : frontApp(sessions, site().servers.direct[2]),
      );

    it('before the session passes the cookies on in both directions, and may change the body', async () => {
      const client = await serve();
      const [web1, web2] = site().web;
      const bought = await client.post(`${web1}/shop/items`, { item: 'apple' });
      expect(bought.status).toBe(201);
      expect(bought.json()).toEqual({ items: ['apple'], price: '1 EUR' });
      expectSessionCookies(site(), bought);
      expect((await client.post(`${web2}/shop/items`, { item: 'pear' })).json()).toMatchObject({
        items: ['apple', 'pear'],
      });
      expect((await client.get(`${web1}/session`)).json()).toEqual({ items: ['apple', 'pear'], watched: 0 });
    });

    it('behind the session commits the change of the proxy before the first byte of the shop', async () => {
      const client = await serve();
      const [web1, web2] = site().web;
      const first = await client.get(`${web1}/watched/prices`);
      expect(first.json()).toEqual({ apple: '1 €', watched: '1' });
      expectSessionCookies(site(), first);
      expect((await client.get(`${web2}/watched/prices`)).json()).toEqual({ apple: '1 €', watched: '2' });
      expect((await client.get(`${web1}/session`)).json()).toEqual({ items: [], watched: 2 });
      site().refuseWrites();
      const refused = await client.get(`${web1}/watched/prices`);
      expect(refused).toMatchObject({ status: 503, setCookies: [] });
      expect(refused.json()).toMatchObject({ error: { code: 'session_store_unavailable' } });
    });

    it('behind the session and before an app with the same sessions: both changes are kept, if the method merges', async () => {
      const client = await serve();
      const [web1, web2] = site().web;
      await client.get(`${web1}/watched/prices`);
      const bought = await client.post(`${web1}/watched/items`, { item: 'apple' });
      expect(bought.json()).toMatchObject({ items: ['apple'] });
      const { items, watched } = (await client.get(`${web2}/session`)).json<{ items: string[]; watched: number }>();
      expect(watched).toBe(2);
      expect(items).toEqual(site().mergesKeys ? ['apple'] : []);
    });
  });
});
