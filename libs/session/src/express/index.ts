// @roam/session/express: roam's stores under express-session, and express-session's stores under roam.
export { toExpressStore, type RoamExpressStore, type ToExpressStoreOptions } from './to-express-store.js';
