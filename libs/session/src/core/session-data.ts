// The keys that an app declares for its sessions, with their types.

/**
 * Empty here: an app adds its keys by `declare module '@roam/session' { interface SessionData { userId: string } }`. Each
 * may be missing, since a session begins empty; what is not declared is `unknown`.
 */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type
export interface SessionData {}
