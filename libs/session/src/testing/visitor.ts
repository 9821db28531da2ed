// A browser as the contract kit needs it: its cookies, and requests to a server of its choice.
import { parseSetCookie } from 'cookie';
import type { AddedHeader, Incoming } from '../carriers/carrier.js';
import type { RequestSession } from '../core/request-session.js';
import type { Session } from '../core/session.js';
import type { SessionManager } from '../manager.js';

export class Visitor {
  token: string | undefined;
  mark: string | undefined;
  standby: string | undefined;

  /** One request: opens the session, lets the handler act on it, commits, stores the cookies. */
  async visit<T>(server: SessionManager, handler: Handler<T>, requestId?: string): Promise<T> {
    const request = await this.begin(server, requestId);
    const result = await handler(request.session!, request);
    await this.end(server, request);
    return result;
  }

  /** The first half of a request, for those that overlap. */
  begin(server: SessionManager, requestId?: string): Promise<RequestSession> {
    return server.open(this.sends(), requestId);
  }

  /** The second half. */
  async end(server: SessionManager, request: RequestSession): Promise<void> {
    await request.finish();
    await server.settled();
    for (const header of request.headers()) this.take(header);
  }

  /** The content as this server shows it; undefined when it knows no session of this browser. */
  async see(server: SessionManager): Promise<Record<string, unknown> | undefined> {
    return this.visit(server, (session, request) => (request.isStored ? { ...session } : undefined));
  }

  /** Logs in as an app should: the epoch first, then a new session that keeps the cart. */
  async logIn(server: SessionManager, userId: string, remember = false): Promise<void> {
    const epoch = await server.users.epochOf(userId);
    await this.visit(server, async (session, request) => {
      const cart = session.cart;
      await session.regenerate();
      if (cart !== undefined) request.session!.cart = cart;
      request.session!.bind({ userId, epoch, remember }).user = userId;
    });
  }

  /** One request that changes these keys. */
  async put(server: SessionManager, content: Record<string, unknown>): Promise<void> {
    await this.visit(server, (session) => void Object.assign(session, content));
  }

  /** The same browser with these cookies in the place of its own. */
  with(cookies: { readonly token?: string | undefined; readonly mark?: string | undefined }): this {
    return Object.assign(this.copy(), cookies);
  }

  /** The same cookies in another hand. */
  copy(): this {
    return Object.assign(Object.create(Object.getPrototypeOf(this) as object) as this, this);
  }

  protected sends(): Incoming {
    return { cookies: { sid: this.token, mark: this.mark, standby: this.standby } };
  }

  protected take({ value: header }: AddedHeader): void {
    const { name, value, maxAge } = parseSetCookie(header);
    const kept = maxAge === 0 ? undefined : value;
    if (name === 'sid') this.token = kept;
    else if (name === 'mark' || name === 'standby') this[name] = kept;
    else throw new Error(`A server set a cookie named ${name}, which this browser does not know.`);
  }
}

type Handler<T> = (session: Session, request: RequestSession) => T | Promise<T>;
