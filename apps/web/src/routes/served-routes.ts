// The routes that the router of the running app serves, to be compared with those that the handlers' metadata tells of.
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { Route } from './collect-routes.js';

interface Router {
  readonly stack: readonly { readonly route?: { readonly path: string; readonly methods: Record<string, boolean> } }[];
}

/** Each as `METHOD /path`, in the order in which they are asked. */
export function servedRoutes(app: NestExpressApplication): string[] {
  const { router } = app.getHttpAdapter().getInstance() as { router: Router };
  // Nest mounts middleware as routes of every address.
  const own = router.stack.flatMap(({ route }) => (route && !route.path.startsWith('{') ? [route] : []));
  return own.flatMap(({ path, methods }) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`));
}

/**
 * A route that is served at another address than its decorators say has none of its declarations.
 * @throws {Error} that names it
 */
export function assertServed(app: NestExpressApplication, routes: readonly Route[]): void {
  const known = new Set(routes.map(({ method, path }) => `${method} ${path}`));
  const unknown = servedRoutes(app).find((route) => !known.has(route) && !known.has(route.replace(/^\S+/, 'ALL')));
  if (unknown !== undefined)
    throw new Error(
      `the declarations of ${unknown} cannot be found: write its whole path into @Controller() and the decorator of its ` +
        'handler, instead of a global prefix, a version or a path of RouterModule',
    );
}
