// Refuses to start with a handler that is to be claimed, but whose answer cannot be kept.
import { Injectable, type OnModuleInit } from '@nestjs/common';
import {
  RESPONSE_PASSTHROUGH_METADATA,
  ROUTE_ARGS_METADATA,
  RouteParamtypes,
  SSE_METADATA,
} from '@nestjs/common/internal';
import { DiscoveryService, MetadataScanner, Reflector } from '@nestjs/core';
import { isClaimed, Repeatable, Stream } from '../routes/decorators.js';

type Handler = (...parameters: unknown[]) => unknown;

@Injectable()
export class ClaimableHandlers implements OnModuleInit {
  private readonly scanner = new MetadataScanner();

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly reflector: Reflector,
  ) {}

  /** @throws {Error} that names the handler and says what to do */
  onModuleInit(): void {
    for (const { metatype } of this.discovery.getControllers()) {
      if (typeof metatype !== 'function') continue;
      const prototype = metatype.prototype as Record<string, Handler>;
      for (const name of this.scanner.getAllMethodNames(prototype)) this.check(metatype, name, prototype[name]);
    }
  }

  private check(controller: object & { readonly name: string }, name: string, handler: Handler): void {
    const targets = [handler, controller as never];
    if (!isClaimed(this.reflector.getAllAndOverride(Repeatable, targets))) return;
    const refuse = (fault: string) => {
      throw new Error(
        `${controller.name}.${name} is @Repeatable(), but ${fault}: return the answer from the handler, or let the handler ` +
          'count once by itself and say how with @Repeatable({ because })',
      );
    };
    if (this.reflector.getAllAndOverride(Stream, targets) || Reflect.hasMetadata(SSE_METADATA, handler))
      refuse('it answers bit by bit, which cannot be kept with its claim');
    const parameters = (Reflect.getMetadata(ROUTE_ARGS_METADATA, controller, name) ?? {}) as Record<string, unknown>;
    const types = Object.keys(parameters).map((key): RouteParamtypes => Number(key.split(':')[0]));
    const isPassthrough = Reflect.getMetadata(RESPONSE_PASSTHROUGH_METADATA, controller, name) === true;
    if (!isPassthrough && types.some((type) => type === RouteParamtypes.RESPONSE || type === RouteParamtypes.NEXT))
      refuse('it sends its answer itself, by @Res() without { passthrough: true } or by @Next()');
  }
}
