// Collects the routes of the app from the metadata of its controllers and gateways, in the order in which the router asks
// them.
import { RequestMethod, type Provider, type Type } from '@nestjs/common';
import { METHOD_METADATA, PATH_METADATA, SSE_METADATA } from '@nestjs/common/constants.js';
import { MetadataScanner, Reflector } from '@nestjs/core';
import { Limits, NotRepeatable, Repeatable, Stream } from './decorators.js';
import { gatewayRoute } from './gateway-route.js';
import { modulesOf, type Module } from './module-tree.js';
import { policyOf, type Declarations, type RoutePolicy } from './policy.js';

/** One method and path with what holds for it. */
export interface Route {
  /** `ALL` for every method. */
  readonly method: string;
  /** As the router takes it, such as `/api/cart/:item`. */
  readonly path: string;
  readonly policy: RoutePolicy;
  /** Where its decorators are; a gateway has none of them. */
  readonly of?: { readonly controller: Type; readonly handler: Handler };
}

type Handler = (...parameters: never[]) => unknown;

const reflector = new Reflector();
const scanner = new MetadataScanner();

/** @throws {Error} that names the handler whose declarations contradict each other, or the gateway that cannot be reached */
export function collectRoutes(root: Module): Route[] {
  const contents = [...modulesOf(root)];
  const gateways = contents.flatMap(({ providers }) => [...new Set(providers.map(classOf))].flatMap(gatewayRoute));
  return [...contents.flatMap(({ controllers }) => controllers.flatMap(routesOf)), ...gateways];
}

function classOf(provider: Provider): Type | undefined {
  if (typeof provider === 'function') return provider;
  return 'useClass' in provider ? provider.useClass : undefined;
}

function routesOf(controller: Type): Route[] {
  const prototype = controller.prototype as Record<string, Handler>;
  return scanner.getAllMethodNames(prototype).flatMap((name) => {
    const handler = prototype[name];
    const paths = pathsOf(handler);
    if (!paths) return [];
    const method = RequestMethod[Reflect.getMetadata(METHOD_METADATA, handler) as RequestMethod];
    try {
      const policy = policyOf(method, declarationsOf(handler, controller));
      return pathsOf(controller)!.flatMap((prefix) =>
        paths.map((path) => ({ method, path: join(prefix, path), policy, of: { controller, handler } })),
      );
    } catch (error) {
      throw new Error(`${controller.name}.${name}: ${(error as Error).message}`, { cause: error });
    }
  });
}

/** A declaration of the handler counts before one of its controller; limits count each by itself. */
function declarationsOf(handler: Handler, controller: Type): Declarations {
  const targets = [handler, controller];
  return {
    repeatable: reflector.getAllAndOverride(Repeatable, targets) !== undefined,
    notRepeatable: reflector.getAllAndOverride(NotRepeatable, targets),
    limits: { ...reflector.get(Limits, controller), ...reflector.get(Limits, handler) },
    stream: reflector.getAllAndOverride(Stream, targets) ?? (Reflect.hasMetadata(SSE_METADATA, handler) || undefined),
  };
}

function pathsOf(target: object): string[] | undefined {
  const paths = Reflect.getMetadata(PATH_METADATA, target) as string | string[] | undefined;
  return paths === undefined ? undefined : [paths].flat();
}

function join(...parts: string[]): string {
  return `/${parts
    .flatMap((part) => part.split('/'))
    .filter(Boolean)
    .join('/')}`;
}
