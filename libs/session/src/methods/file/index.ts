// @roam/session/file: sessions as files on one or several shared mounts.
export { FileSessionStore, type FileSessionStoreOptions, type FileStoreStats } from './file-session-store.js';
export type { FileStoreEvent } from './mirrored-documents.js';
