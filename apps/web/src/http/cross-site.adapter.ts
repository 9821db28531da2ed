// Express for Nest, whose refusals of requests from other sites are told apart from every other 403.
import { ExpressAdapter } from '@nestjs/platform-express';
import { CrossSiteError } from './app.errors.js';

type Hook = Parameters<ExpressAdapter['registerSecurityHook']>[0];

/** `app.enableCsrfProtection()` refuses with a `ForbiddenException`, as any guard does; here it is `CrossSiteError`. */
export class CrossSiteAdapter extends ExpressAdapter {
  override registerSecurityHook(hook: Hook): unknown {
    return super.registerSecurityHook((request, response) =>
      hook(request, response) === undefined ? undefined : new CrossSiteError(),
    );
  }
}
