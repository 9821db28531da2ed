// A browser as the contract kit needs it: its cookies, and requests to a server of its choice.
import type { SessionManager } from '../manager.js';
import type { RequestSession } from '../core/request-session.js';
import type { Session } from '../core/session.js';

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
    return server.open(this.token, this.mark, requestId, this.standby);
  }

  /** The second half. */
  async end(server: SessionManager, request: RequestSession): Promise<void> {
    await request.finish();
    await server.settled();
    const { token, mark, standby } = request.cookieChanges();
    if (token !== undefined) this.token = token ?? undefined;
    if (mark !== undefined) this.mark = mark ?? undefined;
    if (standby !== undefined) this.standby = standby ?? undefined;
  }

  /** The content as this server shows it; undefined when it knows no session of this browser. */
  async see(server: SessionManager): Promise<Record<string, unknown> | undefined> {
    return this.visit(server, (session, request) => (request.isStored ? { ...session } : undefined));
  }

  /** Logs in as an app should: the epoch first, then a new session that keeps the cart. */
  async logIn(server: SessionManager, userId: string, remember = false): Promise<void> {
    const epoch = await server.epochOf(userId);
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

  /** The same cookies in another hand. */
  copy(): Visitor {
    return Object.assign(new Visitor(), { token: this.token, mark: this.mark, standby: this.standby });
  }
}

type Handler<T> = (session: Session, request: RequestSession) => T | Promise<T>;
