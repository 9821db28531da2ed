// The queries and changes of administrators.
import { z } from 'zod';

const text = z.string().max(254).default('');

export const userQuery = z.object({ search: text, after: text });
export type UserQuery = z.output<typeof userQuery>;

const optional = (shape: RegExp) => z.string().regex(shape).or(z.literal('')).optional();

export const auditQuery = z.object({
  userId: optional(/^[\da-f-]{36}$/),
  event: optional(/^[a-z-]{1,40}$/),
  before: optional(/^[\da-f]{32}$/),
});
export type AuditQueryInput = z.output<typeof auditQuery>;

export const userChange = z
  .object({
    admin: z.boolean({ error: 'Must be true or false.' }).optional(),
    active: z.boolean({ error: 'Must be true or false.' }).optional(),
  })
  .refine((change) => Object.values(change).some((value) => value !== undefined), 'Send admin, active or both.');
export type UserChange = z.output<typeof userChange>;
