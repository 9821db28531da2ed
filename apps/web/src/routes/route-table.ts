// Finds what holds for a request by its method and path, before the router has chosen its handler. nginx uses the same
// expressions.
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { pathToRegexp } from 'path-to-regexp';
import type { Route } from './collect-routes.js';
import { policyOf, type RoutePolicy } from './policy.js';

declare global {
  // eslint-disable-next-line @typescript-eslint/no-namespace
  namespace Express {
    interface Request {
      /** What holds for this request's route. Set before all other middleware. */
      policy: RoutePolicy;
    }
  }
}

/** A route that the table needs, with its expression for `METHOD /path`. */
export interface Entry {
  readonly pattern: string;
  readonly expression: RegExp;
  readonly policy: RoutePolicy;
}

export class RouteTable {
  /** In the order in which they are asked; a request that none matches has the policy of its method. */
  readonly entries: readonly Entry[];
  private readonly defaults = new Map<string, RoutePolicy>();

  constructor(routes: readonly Route[]) {
    this.entries = needed(routes).map(({ method, path, policy }) => {
      const pattern = patternOf(method, path);
      return { pattern, expression: new RegExp(pattern), policy };
    });
  }

  /** @param path without its query, as the client wrote it: nothing decoded */
  policyOf(method: string, path: string): RoutePolicy {
    const line = `${method} ${path}`;
    const found = this.entries.find(({ expression }) => expression.test(line));
    return found?.policy ?? this.defaultOf(method);
  }

  /** Sets `request.policy`. */
  middleware(): RequestHandler {
    return (request: Request, _response: Response, next: NextFunction) => {
      request.policy = this.policyOf(request.method, pathOf(request.url));
      next();
    };
  }

  private defaultOf(method: string): RoutePolicy {
    const known = this.defaults.get(method);
    if (known) return known;
    const policy = policyOf(method);
    // Node's parser knows some forty methods.
    this.defaults.set(method, policy);
    return policy;
  }
}

/** As nginx finds it: the same for every spelling that only one of the two would change. */
export const pathOf = (url: string) => /^[^?#]*/.exec(url)![0];

/** Without the routes that only the defaults follow: a table of what differs. */
function needed(routes: readonly Route[]): readonly Route[] {
  const isSpecial = ({ method, policy }: Route) => JSON.stringify(policy) !== JSON.stringify(policyOf(method));
  return routes.filter((route, at) => {
    if (isSpecial(route)) return true;
    // It hides what a later one has declared, if both match a request.
    return routes.slice(at + 1).some((later) => isSpecial(later) && mayOverlap(route, later));
  });
}

function mayOverlap(one: Route, other: Route): boolean {
  const sameMethod = one.method === other.method || one.method === 'ALL' || other.method === 'ALL';
  const [a, b] = [one, other].map(({ path }) => path.split('/'));
  const isOpen = (part: string | undefined) => part === undefined || /[:*{]/.test(part);
  const hasWildcard = [one, other].some(({ path }) => /[*{]/.test(path));
  if (!sameMethod || hasWildcard) return sameMethod;
  return a.length === b.length && a.every((part, i) => part === b[i] || isOpen(part) || isOpen(b[i]));
}

/** For `METHOD /path`: what Express matches, and PCRE understands. A GET route answers HEAD too. */
function patternOf(method: string, path: string): string {
  const methods = method === 'ALL' ? '[A-Z-]+' : method === 'GET' ? '(?:GET|HEAD)' : method;
  return `^${methods} ${pathToRegexp(path, { sensitive: true }).regexp.source.slice(1).replaceAll('\\/', '/')}`;
}
