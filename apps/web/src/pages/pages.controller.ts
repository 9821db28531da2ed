// The pages for users: home, sign-in, registration, account, devices. All work without JavaScript.
import { Controller, Get, Post, Query, Req, Res, UseGuards } from '@nestjs/common';
import type { Request, Response } from 'express';
import { RegistrationService } from '../account/registration.service.js';
import { SecondFactorService } from '../factors/second-factor.service.js';
import { WithoutSecondFactor } from '../auth/enrolment.guard.js';
import { PasswordGuard } from '../auth/password.guard.js';
import { SignInService } from '../auth/sign-in.service.js';
import { CartService } from '../cart/cart.service.js';
import { cartForm } from '../cart/cart.schemas.js';
import { AppError, EmailTakenError, InvalidCredentialsError, InvalidInputError } from '../http/app.errors.js';
import { parsed } from '../http/validation.js';
import { countsOnce } from '../routes/counts-once.js';
import { Repeatable } from '../routes/decorators.js';
import { WorksInOutage } from '../session/outage.guard.js';
import { SessionsService } from '../sessions/sessions.service.js';
import { credentials, registration } from '../users/user.schemas.js';
import { FormGuard, ForVisitors } from './form.guard.js';
import { localPath } from './local-path.js';
import { PageResponder } from './page-responder.js';

type Form = Readonly<Record<string, unknown>>;

/** The items that the home page offers. */
const shop = ['apple', 'cherry', 'lemon', 'pear'];

/** The messages on the account's page after a redirect, by the value of `done`. */
const messages = new Map<unknown, string>([
  ['password', 'Your password has been changed.'],
  ['mail', 'We are sending you an e-mail. Please open the link in it.'],
]);

@Controller()
export class PagesController {
  constructor(
    private readonly pages: PageResponder,
    private readonly factors: SecondFactorService,
    private readonly registrations: RegistrationService,
    private readonly signIns: SignInService,
    private readonly sessions: SessionsService,
    private readonly cart: CartService,
  ) {}

  @Get()
  @WithoutSecondFactor(true)
  home(@Req() request: Request, @Res() response: Response): void {
    const items = this.cart.items(request.session);
    const names = [...new Set([...shop, ...Object.keys(items)])];
    this.pages.show(request, response, 'home', {
      title: 'Log in once, roam between servers',
      cart: names.map((name) => ({ name, quantity: items[name] ?? 0 })),
      total: Object.values(items).reduce((sum, quantity) => sum + quantity, 0),
    });
  }

  @Post()
  @Repeatable({ because: countsOnce.session })
  @UseGuards(FormGuard)
  changeCart(@Req() request: Request, @Res() response: Response): void {
    const { item, quantity } = parsed(cartForm, request.body);
    if (quantity === 0) this.cart.remove(request.session!, item);
    else this.cart.put(request.session!, item, quantity);
    this.pages.seeOther(request, response, '/');
  }

  @Get('login')
  @WithoutSecondFactor(true)
  loginForm(@Req() request: Request, @Res() response: Response, @Query('returnTo') returnTo?: unknown): void {
    if (request.user) return this.pages.seeOther(request, response, localPath(returnTo));
    const done =
      request.query.done === 'reset'
        ? 'Your password has been changed. Please sign in with the new password.'
        : undefined;
    this.pages.show(request, response, 'login', { title: 'Sign in', form: {}, returnTo: localPath(returnTo), done });
  }

  @Post('login')
  @ForVisitors(true)
  @Repeatable({ because: countsOnce.session })
  @WithoutSecondFactor(true)
  @UseGuards(FormGuard, PasswordGuard)
  async login(@Req() request: Request, @Res() response: Response): Promise<void> {
    const form = (request.body ?? {}) as Form;
    const returnTo = localPath(form.returnTo);
    try {
      const { remember } = parsed(credentials, form);
      if (!request.account) throw new InvalidCredentialsError().concerning(request.attempted ?? {});
      if (await this.factors.begin(request, request.account, remember, returnTo))
        return this.pages.seeOther(request, response, '/login/second');
      await this.signIns.signIn(request, request.account, remember);
    } catch (error) {
      if (!(error instanceof InvalidInputError || error instanceof InvalidCredentialsError)) throw error;
      return this.showAgain(request, response, 'login', 'Sign in', { form, returnTo }, error);
    }
    this.pages.seeOther(request, response, returnTo);
  }

  @Get('register')
  @WithoutSecondFactor(true)
  registerForm(@Req() request: Request, @Res() response: Response): void {
    if (request.user) return this.pages.seeOther(request, response, '/account');
    this.pages.show(request, response, 'register', { title: 'Register', form: {} });
  }

  @Post('register')
  @ForVisitors(true)
  @Repeatable({ because: countsOnce.account })
  @WithoutSecondFactor(true)
  @UseGuards(FormGuard)
  async register(@Req() request: Request, @Res() response: Response): Promise<void> {
    const form = (request.body ?? {}) as Form;
    try {
      await this.registrations.register(request, parsed(registration, form));
    } catch (error) {
      if (!(error instanceof InvalidInputError || error instanceof EmailTakenError)) throw error;
      return this.showAgain(request, response, 'register', 'Register', { form }, error);
    }
    this.pages.seeOther(request, response, '/account');
  }

  @Post('logout')
  @Repeatable({ because: countsOnce.sameAgain })
  @UseGuards(FormGuard)
  @WorksInOutage(true)
  @WithoutSecondFactor(true)
  async logout(@Req() request: Request, @Res() response: Response): Promise<void> {
    const logout = await this.signIns.signOut(request, response);
    if (logout === 'pending')
      return this.pages.show(request, response, 'signed-out', { title: 'Signed out in this browser' }, 202);
    this.pages.seeOther(request, response, '/');
  }

  @Get('account')
  account(@Req() request: Request, @Res() response: Response): void {
    if (!request.user) return this.pages.toLogin(request, response);
    const { limitations } = this.sessions;
    const { info } = request.session!;
    const done = messages.get(request.query.done);
    this.pages.show(request, response, 'account', { title: 'Your account', info, limitations, done });
  }

  @Get('account/sessions')
  async devices(@Req() request: Request, @Res() response: Response): Promise<void> {
    if (!request.user) return this.pages.toLogin(request, response);
    // Even if the method cannot list them, all others can be ended.
    const devices = this.sessions.canList ? await this.sessions.list(request) : undefined;
    this.pages.show(request, response, 'sessions', { title: 'Devices', devices });
  }

  @Post('account/sessions')
  @Repeatable({ because: countsOnce.sameAgain })
  @UseGuards(FormGuard)
  async endDevices(@Req() request: Request, @Res() response: Response): Promise<void> {
    if (!request.user) return this.pages.toLogin(request, response);
    const { handle } = (request.body ?? {}) as Form;
    if (typeof handle === 'string') await this.sessions.end(request, handle);
    else await this.sessions.endOthers(request);
    this.pages.seeOther(request, response, '/account/sessions');
  }

  /** Shows the form again, with the input (never the password) and its faults. */
  private showAgain(
    request: Request,
    response: Response,
    view: string,
    title: string,
    data: { form: Form; returnTo?: string },
    error: AppError,
  ): void {
    const text = (value: unknown) => (typeof value === 'string' ? value : '');
    const form = { email: text(data.form.email), name: text(data.form.name), remember: Boolean(data.form.remember) };
    const fields = error instanceof InvalidInputError ? error.fields : {};
    this.pages.refuse(request, response, view, { ...data, title, form, fields, error }, error);
  }
}
