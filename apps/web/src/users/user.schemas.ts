// The input of users: strict at registration, and at sign-in only as strict as a look-up needs.
import { z } from 'zod';
import { canonicalEmail } from './email.js';
import { passwordFault } from './password-policy.js';

/** Letters of any script; only an e-mail can show whether the address exists. */
const emailShape = /^[^\s@"<>]{1,64}@[^\s@"<>.]+(\.[^\s@"<>.]+)+$/u;

export const email = z
  .string({ error: 'Enter your e-mail address.' })
  .transform(canonicalEmail)
  .pipe(
    z
      .string()
      .max(254, 'Enter an e-mail address of at most 254 characters.')
      .regex(emailShape, 'Enter an e-mail address like name@example.org.'),
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
      name: z
        .string({ error: 'Enter your name.' })
        .transform((text) => text.normalize('NFC').trim().replace(/\s+/g, ' '))
        .pipe(
          z
            .string()
            .min(1, 'Enter your name.')
            .max(100, 'Enter a name of at most 100 characters.')
            .regex(/^\P{C}*$/u, 'The name contains characters that cannot be shown.'),
        ),
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
    email: z
      .string({ error: 'Enter your e-mail address.' })
      .min(1, 'Enter your e-mail address.')
      .transform(canonicalEmail),
    password: z.string({ error: 'Enter your password.' }).min(1, 'Enter your password.'),
    remember,
  },
  { error: 'Send a JSON object with email and password.' },
);
export type Credentials = z.output<typeof credentials>;
