// The input of users: strict at registration, and at sign-in only as strict as a look-up needs.
import { z } from 'zod';
import { displayName, nameShape } from './display-name.js';
import { canonicalEmail, emailFault, foldedEmail } from './email.js';
import { passwordFault } from './password-policy.js';

const typed = z.string({ error: 'Enter your e-mail address.' });

/** A new address, in canonical form: letters of any script; only an e-mail can show whether it exists. */
export const email = typed.transform((text, context) => {
  // No longer than an address in any form, so that nothing else is normalised.
  const canonical = text.length > 1_000 ? text : canonicalEmail(text);
  const fault = emailFault(canonical);
  if (fault) context.addIssue(fault);
  return canonical;
});

/** The address of an account that there may be, also of one that was opened with an address that would be refused now. */
const loginEmail = typed
  .min(1, 'Enter your e-mail address.')
  .max(1_000, 'Enter an e-mail address like name@example.org.')
  .transform(foldedEmail);

/** The same, where the answer does not show whether there is one. */
export const knownEmail = loginEmail.pipe(
  z
    .string()
    .max(254, 'Enter an e-mail address of at most 254 characters.')
    .regex(/^[^\s@]+@[^\s@]+$/u, 'Enter an e-mail address like name@example.org.'),
);

/** "Keep me signed in": a checkbox sends `on`, JSON a boolean. */
const remember = z
  .union([z.boolean(), z.enum(['on', 'true', 'false', ''])], { error: 'Must be true or false.' })
  .default(false)
  .transform((value) => value === true || value === 'on' || value === 'true');

export const registration = z
  .object(
    {
      email,
      password: z.string({ error: 'Choose a password.' }),
      name: z.string({ error: 'Enter your name.' }).transform(displayName).pipe(nameShape.min(1, 'Enter your name.')),
    },
    { error: 'Send a JSON object with email, password and name.' },
  )
  .superRefine(
    ({ email, password, name }, context) => {
      const text = (value: unknown) => (typeof value === 'string' ? value : '');
      const fault =
        typeof password === 'string' ? passwordFault(password, { email: text(email), name: text(name) }) : undefined;
      if (fault) context.addIssue({ code: 'custom', path: ['password'], message: fault });
    },
    // Even if other fields are wrong: all faults are reported at once.
    { when: ({ value }) => typeof value === 'object' && value !== null },
  );
export type Registration = z.output<typeof registration>;

export const credentials = z.object(
  {
    email: loginEmail,
    password: z.string({ error: 'Enter your password.' }).min(1, 'Enter your password.'),
    remember,
  },
  { error: 'Send a JSON object with email and password.' },
);
export type Credentials = z.output<typeof credentials>;
