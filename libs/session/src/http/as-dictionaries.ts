// Makes properties cheap to add to a request and a response of Express, for us and for each of its layers.
import type { IncomingMessage } from 'node:http';

/** Of Node 20. Later ones share what they make for such an object with the next. */
const COPIES_HIDDEN_CLASSES = Number(process.versions.v8.split('.')[0]) < 12;

/**
 * Express puts a prototype of its own under both. This V8 then copies the object's hidden class, of some sixty properties,
 * for each property that is added, and no access to them is cached any more: a third of what a request costs. A dictionary
 * has no hidden class of its own, and an object becomes one when a property is deleted, which is put back at once.
 */
export function makeDictionaries(request: IncomingMessage & { res?: unknown }, response: { req?: unknown }): void {
  // So Express links them.
  if (!COPIES_HIDDEN_CLASSES || request.res !== response || response.req !== request) return;
  delete request.res;
  request.res = response;
  delete response.req;
  response.req = request;
}
