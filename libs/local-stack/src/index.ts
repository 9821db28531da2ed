// Real MySQL, nginx and web servers as processes of this machine.
export { startDatabases } from './databases.js';
export { StackError } from './errors.js';
export { startStack } from './stack.js';
export type * from './types.js';
