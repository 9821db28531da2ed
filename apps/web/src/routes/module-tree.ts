// A module and all that it imports, by their metadata: nothing is started.
import type { DynamicModule, ForwardReference, Provider, Type } from '@nestjs/common';
import { MODULE_METADATA } from '@nestjs/common/constants.js';

export type Module = Type | DynamicModule;
type Import = Module | ForwardReference<() => Module> | Promise<DynamicModule>;
/** A module comes before those it imports, as Nest registers them. */
export function* modulesOf(module: Module, seen = new Set<Type>()): Generator<Content> {
  const content = contentOf(module);
  const { type, imports } = content;
  if (seen.has(type)) return;
  seen.add(type);
  yield content;
  for (const imported of imports) {
    if (imported instanceof Promise)
      throw new Error(
        `${type.name} imports a promise of a module: import what it resolves to, so that its routes are known`,
      );
    yield* modulesOf(isForward(imported) ? imported.forwardRef() : imported, seen);
  }
}

function isForward(imported: Module | ForwardReference<() => Module>): imported is ForwardReference<() => Module> {
  return 'forwardRef' in imported;
}

interface Content {
  readonly type: Type;
  readonly controllers: readonly Type[];
  readonly providers: readonly Provider[];
  readonly imports: readonly Import[];
}

function contentOf(module: Module): Content {
  const { module: type, controllers = [], providers = [], imports = [] } = 'module' in module ? module : { module };
  const own = <T>(key: string) => (Reflect.getMetadata(key, type) as T[] | undefined) ?? [];
  return {
    type,
    controllers: [...new Set([...own<Type>(MODULE_METADATA.CONTROLLERS), ...controllers])],
    providers: [...own<Provider>(MODULE_METADATA.PROVIDERS), ...providers],
    imports: [...own<Import>(MODULE_METADATA.IMPORTS), ...imports],
  };
}
