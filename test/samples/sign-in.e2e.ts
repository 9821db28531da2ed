// Messages and sign-ins beside the session: connect-flash, Passport with a password, Passport with OpenID Connect.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from '../support/browser.js';
import { flashMessages } from './apps/flash.js';
import { openIdSignIn } from './apps/openid-connect.js';
import { passwordSignIn } from './apps/passport-local.js';
import { describeSamples } from './describe-samples.js';
import { account, startOpenIdProvider, type OpenIdProvider } from './openid-provider.js';
import { expectSessionCookies } from './session-cookies.js';

/** One for all methods: a start takes a while, and the package warns at each. */
let provider: OpenIdProvider | undefined;
afterAll(() => provider?.close());

const password = 'correct horse battery staple';
const form = (fields: Record<string, string>) => new URLSearchParams(fields);

describeSamples((site) => {
  describe('connect-flash', () => {
    it('shows a message once, on another server than the one that left it', async () => {
      const client = await site().serve(flashMessages);
      const [web1, web2, web3] = site().web;
      const saved = await client.post(`${web1}/profile`);
      expect(saved).toMatchObject({ status: 303, headers: { location: '/profile' } });
      expectSessionCookies(site(), saved);
      expect((await client.get(`${web2}/profile`)).json()).toEqual(['Your profile is saved.']);
      expect((await client.get(`${web3}/profile`)).json()).toEqual([]);
    });

    it('shows nothing while the message cannot be taken away, and shows it later', async () => {
      const client = await site().serve(flashMessages);
      const [web1, web2, web3] = site().web;
      await client.post(`${web1}/profile`);
      site().refuseWrites();
      expect(await client.get(`${web2}/profile`)).toMatchObject({ status: 503, setCookies: [] });
      site().refuseWrites(false);
      expect((await client.get(`${web3}/profile`)).json()).toEqual(['Your profile is saved.']);
    });
  });

  describe('Passport with a password', () => {
    const signIn = (client: Client, web: string) => client.post(`${web}/login`, form({ username: 'alice', password }));

    it('signs in on all servers with a new token, and keeps the cart', async () => {
      const client = await site().serve(passwordSignIn);
      const [web1, web2, web3] = site().web;
      expectSessionCookies(site(), await client.put(`${web1}/cart`));
      const before = client.copy();
      const signedIn = await signIn(client, web2);
      expect(signedIn).toMatchObject({ status: 302, headers: { location: '/' } });
      expectSessionCookies(site(), signedIn);
      for (const web of [web1, web2, web3])
        expect((await client.get(web + '/')).json()).toEqual({ user: 'alice', cart: ['apple'] });
      // What somebody has planted or copied before is worth nothing now.
      for (const web of [web1, web2, web3]) expect((await before.copy().get(web + '/')).json()).toEqual({});
    });

    it('keeps the message of a failed sign-in for the next page', async () => {
      const client = await site().serve(passwordSignIn);
      const [web1, web2] = site().web;
      const failed = await client.post(`${web1}/login`, form({ username: 'alice', password: 'guess' }));
      expect(failed).toMatchObject({ status: 302, headers: { location: '/login' } });
      expect((await client.get(`${web2}/login`)).json()).toEqual({ messages: ['Wrong name or password.'] });
    });

    it('does not sign in when the session cannot be kept', async () => {
      const client = await site().serve(passwordSignIn);
      const [web1, web2] = site().web;
      site().refuseWrites();
      const refused = await signIn(client, web1);
      expect(refused.status).toBe(503);
      expect(refused.headers.location).toBeUndefined();
      expect(refused.setCookies).toEqual([]);
      expect((await client.get(`${web2}/`)).json()).toEqual({});
    });

    it('signs out on all servers', async () => {
      const client = await site().serve(passwordSignIn);
      const [web1, web2, web3] = site().web;
      await signIn(client, web1);
      const copy = client.copy();
      expect(await client.post(`${web2}/logout`)).toMatchObject({ status: 303, headers: { location: '/' } });
      expect(client.cookies.size).toBe(0);
      for (const web of [web1, web2, web3]) expect((await copy.copy().get(web + '/')).json()).toEqual({});
    });

    it('ends all sessions of the user, as each was bound to them', async () => {
      const client = await site().serve(passwordSignIn);
      const [web1, web2, web3] = site().web;
      const phone = site().visitor();
      await signIn(client, web1);
      await signIn(phone, web2);
      expect((await client.post(`${web3}/logout-everywhere`)).status).toBe(303);
      for (const each of [client, phone])
        for (const web of [web1, web2, web3]) expect((await each.get(`${web}/`)).json()).toEqual({});
      await signIn(phone, web3);
      expect((await phone.get(`${web1}/`)).json()).toEqual({ user: 'alice' });
    });
  });

  describe('Passport with OpenID Connect', () => {
    const registered = { id: 'samples', secret: 'the secret of the site at the provider' };
    let callbackURL: string;
    beforeAll(async () => {
      callbackURL = `${site().servers.url}/callback`;
      provider ??= await startOpenIdProvider({ ...registered, callbackURL });
    });
    const serve = () =>
      site().serve((sessions) => openIdSignIn(sessions, { ...registered, issuer: provider!.issuer, callbackURL }));

    /** Follows the provider's redirects. @returns where it sends the browser back to: path and query */
    async function askProvider(authorization: string): Promise<string> {
      const browser = new Client(provider!.issuer);
      let location = authorization;
      for (let hops = 0; !location.startsWith(callbackURL); hops++) {
        const { status, headers, text } = await browser.get(location);
        if (hops === 5 || !headers.location) throw new Error(`${location} was answered ${status}: ${text}`);
        location = new URL(headers.location, provider!.issuer).href;
      }
      browser.close();
      return location.slice(site().servers.url.length);
    }

    it('signs in on the server to which the callback comes, with what another has put into the session', async () => {
      const client = await serve();
      const [web1, web2, web3] = site().web;
      const begun = await client.get(`${web1}/login`);
      expect(begun.status).toBe(302);
      expectSessionCookies(site(), begun);
      const asked = new URL(begun.headers.location!).searchParams;
      const { openid } = (await client.get(`${web3}/`)).json<{ openid: Record<string, string> }>();
      expect(openid).toEqual({
        code_verifier: expect.any(String),
        state: asked.get('state'),
        nonce: asked.get('nonce'),
      });

      const before = client.copy();
      const callback = await askProvider(begun.headers.location!);
      const back = await client.get(web2 + callback);
      expect(back).toMatchObject({ status: 302, headers: { location: '/' } });
      expectSessionCookies(site(), back);
      const user = { id: account.sub, email: account.email };
      for (const web of [web1, web3]) expect((await client.get(`${web}/`)).json()).toEqual({ user });
      // The session from before the sign-in has ended.
      expect((await before.get(`${web1}/`)).json()).toEqual({});
    });

    it('refuses a callback that this browser has not asked for, and one with another state', async () => {
      const client = await serve();
      const [web1, web2, web3] = site().web;
      const callback = await askProvider((await client.get(`${web1}/login`)).headers.location!);
      const stranger = site().visitor();
      expect((await stranger.get(web2 + callback)).status).toBe(401);
      const forged = callback.replace(/state=[^&]+/, 'state=forged');
      expect((await client.get(web2 + forged)).status).toBe(500);
      // The attempt is over.
      expect((await client.get(web3 + callback)).status).toBe(401);
      for (const each of [client, stranger]) expect((await each.get(`${web1}/`)).json()).toEqual({});
    });

    it('does not send the browser to the provider when the session cannot keep the state', async () => {
      const client = await serve();
      site().refuseWrites();
      const refused = await client.get(`${site().web[0]}/login`);
      expect(refused).toMatchObject({ status: 503, setCookies: [] });
      expect(refused.headers.location).toBeUndefined();
    });
  });
});
