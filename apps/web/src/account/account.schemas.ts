// The input to change an account.
import { z } from 'zod';
import { assertion } from '../passkeys/passkeys.schemas.js';
import { email, knownEmail } from '../users/user.schemas.js';

export const currentPassword = z
  .string({ error: 'Enter your current password.' })
  .min(1, 'Enter your current password.');
/** The service checks the policy, which depends on the user. */
const password = z.string({ error: 'Choose a password.' }).min(1, 'Choose a password.');
const token = z.string({ error: 'Use the link in the e-mail.' }).regex(/^[\w-]{43}$/, 'Use the link in the e-mail.');

/** On by default. A form says that it has the checkbox, since an unchecked one sends nothing. */
const endOtherSessions = z
  .union([z.boolean(), z.enum(['on', 'off'])], { error: 'Must be true or false.' })
  .default(true)
  .transform((value) => value === true || value === 'on');

/** A passkey is always accepted. The account decides which of the others is required: the service checks it. */
export const proof = z.object({
  currentPassword: currentPassword.optional(),
  code: z
    .string()
    .trim()
    .min(1, 'Enter the code from your authenticator app, or a recovery code.')
    .max(64, 'This is not a valid code.')
    .optional(),
  passkey: assertion.optional(),
});
export type Proof = z.output<typeof proof>;

export const passwordChange = z.object({ currentPassword, password, endOtherSessions });
export type PasswordChange = z.output<typeof passwordChange>;

export const emailChange = z.object({ email, currentPassword, endOtherSessions });
export type EmailChange = z.output<typeof emailChange>;

export const forgotten = z.object({ email: knownEmail });
export type Forgotten = z.output<typeof forgotten>;

export const reset = z.object({ token, password });
export type Reset = z.output<typeof reset>;

export const deletion = z.object({ currentPassword });
export type Deletion = z.output<typeof deletion>;

export const confirmation = z.object({ token });
export type Confirmation = z.output<typeof confirmation>;
