// The one hook of this app on a response: what happens before its head is sent.
import type { Response } from 'express';

/** @returns the status that is sent */
type Hook = (status: number) => number;

const hooks = new WeakMap<Response, Hook[]>();

/** The last hook that was added runs first. Early hints have no head. */
export function beforeHead(response: Response, hook: Hook): void {
  const added = hooks.get(response);
  if (added) return void added.unshift(hook);
  const all = [hook];
  hooks.set(response, all);
  const writeHead = response.writeHead.bind(response) as (status: number, ...rest: unknown[]) => Response;
  response.writeHead = ((status: number, ...rest: unknown[]) =>
    writeHead(
      all.reduce((result, each) => each(result), status),
      ...rest,
    )) as Response['writeHead'];
}
