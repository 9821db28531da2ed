// A real OpenID provider on loopback, which signs its one user in without asking.
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Provider, type Context } from 'oidc-provider';

export const account = { sub: 'alice', email: 'alice@samples.example' };

export interface OpenIdProvider {
  readonly issuer: string;
  close(): void;
}

/** @param client the one site that may ask who somebody is */
export async function startOpenIdProvider(client: {
  id: string;
  secret: string;
  callbackURL: string;
}): Promise<OpenIdProvider> {
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });
  const provider = new Provider(issuer, {
    clients: [{ client_id: client.id, client_secret: client.secret, redirect_uris: [client.callbackURL] }],
    claims: { openid: ['sub'], email: ['email'] },
    conformIdTokenClaims: false,
    cookies: { keys: ['the provider of the samples signs with this'] },
    features: { devInteractions: { enabled: false } },
    findAccount: () => ({ accountId: account.sub, claims: () => account }),
    interactions: { url: (_: Context, { uid }: { uid: string }) => `/interaction/${uid}` },
    jwks: { keys: [{ ...key, use: 'sig', alg: 'RS256' }] },
    loadExistingGrant: consent,
    ttl: { AccessToken: 600, Grant: 600, IdToken: 600, Interaction: 600, Session: 600 },
    pkce: { required: () => true },
  });
  const answer = provider.callback();
  server.on('request', (request, response) => {
    if (!request.url!.startsWith('/interaction/')) return answer(request, response);
    const failed = (error: Error) => response.writeHead(500).end(error.message);
    provider.interactionFinished(request, response, { login: { accountId: account.sub } }).catch(failed);
  });
  return { issuer, close: () => server.close().closeAllConnections() };
}

/** Whoever has signed in agrees to what the site asks for. */
async function consent({ oidc }: Context) {
  const { client, provider, session } = oidc;
  const grant = new provider.Grant({ accountId: session.accountId, clientId: client.clientId });
  grant.addOIDCScope('openid email');
  await grant.save();
  return grant;
}
