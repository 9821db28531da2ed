// Passport with a password, behind the session. The user is bound to the session while Passport writes it.
import express, { type Express, type Request, type RequestHandler } from 'express';
import passport from 'passport';
import { Strategy as LocalStrategy } from 'passport-local';
import { sessionMiddleware, type SessionManager } from '@roam/session';
import '@roam/session/types';

interface User {
  readonly id: string;
  /** When the password was checked: how often all sessions of the user had been ended by then. */
  readonly epoch: number;
}

const passwords = new Map([['alice', 'correct horse battery staple']]);

export function passwordSignIn(sessions: SessionManager): Express {
  // A program has one site and can use `passport` itself.
  const login = new passport.Authenticator();
  const check = async (name: string, password: string): Promise<User | false> => {
    const epoch = await sessions.users.epochOf(name);
    return passwords.get(name) === password && { id: name, epoch };
  };
  login.use(
    new LocalStrategy((name, password, done) => {
      check(name, password).then(
        (user) => done(null, user as Express.User | false, { message: 'Wrong name or password.' }),
        done,
      );
    }),
  );
  login.serializeUser<string, Request>((request: Request, user: object, done) => {
    const { id, epoch } = user as User;
    request.session!.bind({ userId: id, epoch, remember: false });
    done(null, id);
  });
  login.deserializeUser<string>((id, done) => done(null, { id } as Express.User));

  const app = express();
  app.use(express.urlencoded({ extended: false }));
  app.use(sessionMiddleware(sessions));
  app.use(login.session());
  app.put('/cart', (request, response) => {
    request.session!.cart = ['apple'];
    response.sendStatus(204);
  });
  app.post(
    '/login',
    login.authenticate('local', {
      successRedirect: '/',
      failureRedirect: '/login',
      failureMessage: true,
      // The visitor's cart becomes the user's.
      keepSessionInfo: true,
    }) as RequestHandler,
  );
  app.post('/logout', (request, response, next) => {
    request.logout((error) => (error ? next(error) : response.redirect(303, '/')));
  });
  // Every session that was bound to the user ends.
  app.post('/logout-everywhere', async (request, response) => {
    if (request.user) await sessions.users.endAll(request.user.id);
    response.redirect(303, '/');
  });
  app.get('/{login}', (request, response) => {
    const { cart, messages } = request.session!;
    response.json({ user: (request.user as { id: string } | undefined)?.id, cart, messages });
  });
  return app;
}
