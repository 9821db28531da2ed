// The migrations, each brought by the module that owns its table.
import type { Type } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { MigrationInterface } from 'typeorm';
import { modulesOf } from '../routes/module-tree.js';

export type Migration = Type<MigrationInterface & { readonly name: string }>;

/** Beside `@Module`: the migrations of the tables that the module owns. Their names end with the time that orders them. */
export const Migrations = Reflector.createDecorator<readonly Migration[]>();

/** The migrations of these modules and of all that they import, in their order. */
export function migrationsOf(modules: readonly Type[]): Migration[] {
  const reflector = new Reflector();
  const types = new Set(modules.flatMap((module) => [...modulesOf(module)].map(({ type }) => type)));
  const found = [...types].flatMap((type) => reflector.get(Migrations, type) ?? []);
  return found.sort((a, b) => timeOf(a) - timeOf(b));
}

const timeOf = ({ name }: Migration): number => Number(/\d+$/.exec(name)?.[0]);
