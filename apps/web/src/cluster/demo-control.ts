// The controls of the demo: kill, freeze and revive a web server or a MySQL server, through the demo's socket.
import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { Request } from 'express';
import { request as httpRequest } from 'node:http';
import { z } from 'zod';
import { Config } from '../config/config.js';
import { limits } from '../config/limits.js';
import { NotFoundError, RequestError, UnavailableError } from '../http/app.errors.js';

export const demoAct = z.object({
  act: z.enum(['kill', 'freeze', 'revive'], { error: 'Must be kill, freeze or revive.' }),
  /** The name of a web server, or the `host:port` of a MySQL server. */
  name: z
    .string({ error: 'Name a web server or a MySQL server.' })
    .regex(/^[\w.:[\]-]{1,100}$/, 'There is no web server or MySQL server with this name.'),
});
export type DemoAct = z.output<typeof demoAct>;

@Injectable()
export class DemoControl {
  constructor(private readonly config: Config) {}

  get exists(): boolean {
    return this.config.server.demoSocket !== undefined;
  }

  /** Resolves when the demo has started the action. @throws {NotFoundError} @throws {UnavailableError} */
  async do(act: DemoAct): Promise<void> {
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const request = httpRequest({
        socketPath: this.config.server.demoSocket,
        method: 'POST',
        path: '/',
        headers: { 'content-type': 'application/json' },
        timeout: limits.demoMs,
      });
      request.once('timeout', () => request.destroy(new Error(`the demo did not answer within ${limits.demoMs} ms`)));
      request.once('error', reject);
      request.once('response', (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      request.end(JSON.stringify(act));
    }).catch(() => undefined);
    if (status === 404) throw new NotFoundError('There is no web server or MySQL server with this name.');
    if (status !== 202) throw new UnavailableError();
  }
}

/** Answers 404 without the demo's socket. With it, only requests to the site's own host name pass (DNS rebinding). */
@Injectable()
export class DemoGuard implements CanActivate {
  constructor(
    private readonly config: Config,
    private readonly demo: DemoControl,
  ) {}

  canActivate(context: ExecutionContext): boolean {
    if (!this.demo.exists) throw new NotFoundError();
    const { host } = context.switchToHttp().getRequest<Request>().headers;
    if (host !== this.config.server.publicUrl.host)
      throw new RequestError(
        403,
        'wrong_host',
        'This works only at the address that the demo printed. Please open that address.',
      );
    return true;
  }
}
