// Real MySQL, nginx and web servers as processes of this machine.
export { startDatabases } from './databases.js';
export { StackError } from './errors.js';
export { canOwnDisks } from './mysql/own-disk.js';
export { exhaustConnections, holdApplier } from './mysql/starve.js';
export { canIsolate } from './network/isolation.js';
export { openLink, type LinkOptions } from './network/link.js';
export { startNginx, type OwnNginx } from './nginx/start-nginx.js';
export { startRedis, type RedisServer } from './redis/redis.js';
export { startStack } from './stack.js';
export { guarded, type CommandLine } from './system/guard.js';
export { isFree, PortReservation } from './system/ports.js';
export { projectDir, roamDir } from './system/project-dir.js';
export type * from './types.js';
export { leaderOf } from './web/leader.js';
export { migrate } from './web/migrate.js';
export { plainEnvironment } from './web/node-command.js';
export { migrationSettings, webSettings } from './web/settings.js';
