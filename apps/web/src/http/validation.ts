// Validates the input of handlers against the schema that they declare, and reports the faults of all fields at once.
import { StandardSchemaValidationPipe } from '@nestjs/common';
import type { z } from 'zod';
import { InvalidInputError, type FieldFaults } from './app.errors.js';

interface Issue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[];
}

/** For `@Body({ schema })` and the like: passes the output of the schema to the handler. */
export const validationPipe = new StandardSchemaValidationPipe({
  exceptionFactory: (issues: readonly Issue[]) => new InvalidInputError(faultsByField(issues)),
});

/** The first fault of each field; `body` stands for the whole. */
export function faultsByField(issues: readonly Issue[]): FieldFaults {
  const faults: Record<string, string> = {};
  for (const { path = [], message } of issues) {
    const field = path.map((part) => String(typeof part === 'object' ? part.key : part)).join('.') || 'body';
    if (!Object.hasOwn(faults, field)) faults[field] = message;
  }
  return faults;
}

/** The output of the schema for a form. @throws {InvalidInputError} */
export function parsed<T extends z.ZodType>(schema: T, form: unknown): z.output<T> {
  const result = schema.safeParse(form ?? {});
  if (!result.success) throw new InvalidInputError(faultsByField(result.error.issues));
  return result.data;
}
