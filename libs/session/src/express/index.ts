// @roam/session/express: roam's stores under express-session, and express-session's stores under roam.
export { toExpressStore, type RoamExpressStore, type ToExpressStoreOptions } from './to-express-store.js';
export { fromExpressStore, type FromExpressStoreOptions } from './from-express-store.js';
export type { ExpressCookie, ExpressSession, ExpressStore, ExpressStoreBase } from './express-session.js';
