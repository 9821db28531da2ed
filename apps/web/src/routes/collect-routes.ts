// Collects the routes of the app from the metadata of its controllers, in the order in which the router asks them.
import { RequestMethod, type DynamicModule, type ForwardReference, type Type } from '@nestjs/common';
import { METHOD_METADATA, MODULE_METADATA, PATH_METADATA } from '@nestjs/common/constants.js';
import { MetadataScanner, Reflector } from '@nestjs/core';
import { Limits, NotRepeatable, Repeatable, Stream } from './decorators.js';
import { policyOf, type Declarations, type RoutePolicy } from './policy.js';

/** One method and path with what holds for it. */
export interface Route {
  /** `ALL` for every method. */
  readonly method: string;
  /** As the router takes it, such as `/api/cart/:item`. */
  readonly path: string;
  readonly policy: RoutePolicy;
}

type Module = Type | DynamicModule;
type Import = Module | ForwardReference<() => Module> | Promise<DynamicModule>;
type Handler = (...parameters: never[]) => unknown;

const reflector = new Reflector();
const scanner = new MetadataScanner();

/** @throws {Error} that names the handler whose declarations contradict each other */
export function collectRoutes(root: Module): Route[] {
  return [...controllersOf(root, new Set())].flatMap(routesOf);
}

/** A module comes before those it imports, as Nest registers them. */
function* controllersOf(module: Module, seen: Set<Type>): Generator<Type> {
  const { type, controllers, imports } = contentOf(module);
  if (seen.has(type)) return;
  seen.add(type);
  yield* controllers;
  for (const imported of imports) {
    if (imported instanceof Promise)
      throw new Error(
        `${type.name} imports a promise of a module: import what it resolves to, so that its routes are known`,
      );
    yield* controllersOf(isForward(imported) ? imported.forwardRef() : imported, seen);
  }
}

function isForward(imported: Module | ForwardReference<() => Module>): imported is ForwardReference<() => Module> {
  return 'forwardRef' in imported;
}

function contentOf(module: Module): { type: Type; controllers: Type[]; imports: Import[] } {
  const { module: type, controllers = [], imports = [] } = 'module' in module ? module : { module };
  const own = <T>(key: string) => (Reflect.getMetadata(key, type) as T[] | undefined) ?? [];
  return {
    type,
    controllers: [...new Set([...own<Type>(MODULE_METADATA.CONTROLLERS), ...controllers])],
    imports: [...own<Import>(MODULE_METADATA.IMPORTS), ...imports],
  };
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
        paths.map((path) => ({ method, path: join(prefix, path), policy })),
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
    stream: reflector.getAllAndOverride(Stream, targets),
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
