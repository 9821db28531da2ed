// The route of a WebSocket gateway's handshakes: a stream, whose both sides nginx passes on as it comes.
import type { Type } from '@nestjs/common';
import type { Route } from './collect-routes.js';
import { policyOf } from './policy.js';

/** As `@WebSocketGateway` of `@nestjs/websockets` keeps what it is given; the app itself has no gateway and not that package. */
const GATEWAY = 'websockets:is_gateway';
const OPTIONS = 'websockets:gateway_options';
const PORT = 'port';

/** None for a class that is no gateway. @throws {Error} for one that no client could reach through nginx */
export function gatewayRoute(type: Type | undefined): Route[] {
  if (!type || Reflect.getMetadata(GATEWAY, type) !== true) return [];
  if (Reflect.getMetadata(PORT, type))
    throw new Error(`${type.name} has a port of its own, which nginx does not know: leave it out of @WebSocketGateway`);
  const { path } = (Reflect.getMetadata(OPTIONS, type) ?? {}) as { path?: string };
  if (path === undefined)
    throw new Error(`${type.name} has no path: give it one, such as @WebSocketGateway({ path: '/api/chat' })`);
  return [{ method: 'GET', path: `/${path.replace(/^\//, '')}`, policy: policyOf('GET', { socket: true }) }];
}
