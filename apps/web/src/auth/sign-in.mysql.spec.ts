// Signing in by ways that people know from Passport and Nest, and from two tabs at once.
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Controller, Injectable, Module, Post, UseGuards, type ExecutionContext } from '@nestjs/common';
import { AuthGuard, PassportStrategy } from '@nestjs/passport';
import type { Request } from 'express';
import { Strategy } from 'passport-local';
import { Caller, CurrentCaller } from '../http/caller.js';
import { Repeatable } from '../routes/decorators.js';
import { countsOnce } from '../routes/counts-once.js';
import { person, Site } from '../testing/site.js';
import type { Account } from './account.js';
import { AuthModule } from './auth.module.js';
import { PasswordCheck } from './password-check.js';
import { SignInService } from './sign-in.service.js';

jest.setTimeout(60_000);

/** As Nest's documentation has it. */
@Injectable()
class LocalStrategy extends PassportStrategy(Strategy) {
  constructor(private readonly passwords: PasswordCheck) {
    super({ usernameField: 'email', passReqToCallback: true });
  }

  validate(request: Request, email: string, password: string): Promise<Account> {
    return this.passwords.accountOf(new Caller(request), { email, password, remember: false });
  }
}

/** As Nest's documentation has it. */
@Injectable()
class LogInGuard extends AuthGuard('local') {
  override async canActivate(context: ExecutionContext): Promise<boolean> {
    const result = (await super.canActivate(context)) as boolean;
    await super.logIn(context.switchToHttp().getRequest<Request>());
    return result;
  }
}

@Controller('api/guards')
class GuardsController {
  constructor(private readonly signIns: SignInService) {}

  @Post('local')
  @Repeatable({ because: countsOnce.session })
  @UseGuards(AuthGuard('local'))
  async local(@CurrentCaller() caller: Caller): Promise<void> {
    await this.signIns.signIn(caller, caller.user as unknown as Account, false);
  }

  @Post('log-in')
  @Repeatable({ because: countsOnce.session })
  @UseGuards(LogInGuard)
  logIn(): void {}
}

@Module({ imports: [AuthModule], controllers: [GuardsController], providers: [LocalStrategy] })
class GuardsModule {}

const site = new Site([GuardsModule]);
beforeAll(() => site.start(), 180_000);
afterAll(() => site.stop());

describe("Passport's guards", () => {
  it("keep the visitor's cart, also where they put the account at request.user", async () => {
    const { someone } = await site.registered();
    const { agent, send, get } = site.browser();
    await send('/', { item: 'apple', quantity: '2' });
    expect((await agent.post('/api/guards/local').send(someone)).status).toBe(201);
    expect((await get('/api/me')).body).toMatchObject({ user: { email: someone.email } });
    expect((await get('/api/cart')).body).toEqual({ items: { apple: 2 } });
  });

  it("do not hand on another user's cart", async () => {
    const [first, second] = [person(), person()];
    await site.browser().agent.post('/api/register').send(second);
    const { agent, send, get } = site.browser();
    await agent.post('/api/register').send(first);
    await send('/', { item: 'apple', quantity: '2' });
    expect((await agent.post('/api/guards/local').send(second)).status).toBe(201);
    expect((await get('/api/cart')).body).toEqual({ items: {} });
  });

  it('cannot put an account into the session without a proof of identity, and say what to do', async () => {
    const { someone } = await site.registered();
    const { agent, get } = site.browser();
    const answer = await agent.post('/api/guards/log-in').send(someone);
    expect(answer.status).toBe(500);
    expect((await get('/api/me')).status).toBe(401);
    expect(site.logged.join('')).toContain('sign in by SignInService.signIn(caller, account, remember) instead');
    expect(JSON.stringify(answer.body) + site.logged.join('')).not.toContain('argon2');
  });
});

describe('two tabs with the form to sign in', () => {
  it('both sign in: the second one too, as the same user or another', async () => {
    const [first, second] = [person(), person()];
    for (const someone of [first, second]) await site.browser().agent.post('/api/register').send(someone);
    const { agent, get, token } = site.browser();
    const inBothTabs = await token('/login');
    for (const someone of [first, first, second]) {
      const form = { email: someone.email, password: someone.password, _csrf: inBothTabs };
      const answer = await agent.post('/login').type('form').send(form);
      expect([answer.status, answer.headers.location]).toEqual([303, '/account']);
      expect((await get('/api/me')).body).toMatchObject({ user: { email: someone.email } });
    }
  });

  it('give nobody else a form: neither without the cookie of the visitor, nor for what a user does', async () => {
    const { someone } = await site.registered();
    const foreign = await site.browser().token('/login');
    const { agent, token } = site.browser();
    const visitors = await token('/login');
    await agent.post('/api/login').send(someone);
    const post = (path: string, _csrf: string) =>
      agent
        .post(path)
        .type('form')
        .send({ ...someone, _csrf });
    expect((await post('/login', foreign)).status).toBe(403);
    expect((await post('/', visitors)).status).toBe(403);
  });
});
