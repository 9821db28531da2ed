// Passport with OpenID Connect, behind the session. PKCE verifier, state and nonce wait in the session for the callback,
// which may reach another server.
import express, { type Express, type Request, type RequestHandler } from 'express';
import { allowInsecureRequests, discovery, randomNonce, randomState } from 'openid-client';
import { Strategy, type AuthenticateOptions } from 'openid-client/passport';
import passport from 'passport';
import { sessionMiddleware, type SessionManager } from '@roam/session';
import '@roam/session/types';

interface User {
  readonly id: string;
  readonly email: unknown;
  readonly epoch: number;
}

export interface OpenIdClient {
  readonly issuer: string;
  readonly id: string;
  readonly secret: string;
  /** Where the provider sends the browser back to: an address of the whole site, not of one server. */
  readonly callbackURL: string;
}

/** Sends a state and a nonce, too; the strategy then keeps and checks them. */
class StatefulStrategy extends Strategy {
  override authorizationRequestParams(request: Request, options: AuthenticateOptions): URLSearchParams {
    const params = new URLSearchParams(super.authorizationRequestParams(request, options));
    params.set('state', randomState());
    params.set('nonce', randomNonce());
    return params;
  }
}

export async function openIdSignIn(sessions: SessionManager, client: OpenIdClient): Promise<Express> {
  // The provider of the samples is on loopback. Leave `execute` out where it is not.
  const execute = [allowInsecureRequests];
  const config = await discovery(new URL(client.issuer), client.id, client.secret, undefined, { execute });
  // A program has one site and can use `passport` itself.
  const login = new passport.Authenticator();
  login.use(
    new StatefulStrategy(
      { name: 'oidc', config, scope: 'openid email', callbackURL: client.callbackURL, sessionKey: 'openid' },
      (tokens, verified) => {
        const { sub, email } = tokens.claims()!;
        const user = (epoch: number): object => ({ id: sub, email, epoch });
        sessions.users.epochOf(sub).then((epoch) => void verified(null, user(epoch) as Express.User), verified);
      },
    ),
  );
  login.serializeUser<object, Request>((request: Request, user: object, done) => {
    const { id, email, epoch } = user as User;
    request.session!.bind({ userId: id, epoch, remember: false });
    done(null, { id, email });
  });
  login.deserializeUser<Express.User>((user, done) => done(null, user));

  const app = express();
  app.use(sessionMiddleware(sessions));
  app.use(login.session());
  app.get('/login', login.authenticate('oidc') as RequestHandler);
  app.get('/callback', login.authenticate('oidc', { successRedirect: '/' }) as RequestHandler);
  app.get('/', (request, response) => {
    response.json({ user: request.user, openid: request.session!.openid });
  });
  return app;
}
