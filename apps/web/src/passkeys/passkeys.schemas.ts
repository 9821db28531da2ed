// The input of browsers about passkeys: only the outline is checked here; the library checks the rest.
import type { AuthenticationResponseJSON, RegistrationResponseJSON } from '@simplewebauthn/server';
import { z } from 'zod';
import { displayName, nameShape } from '../users/display-name.js';

const credential = z.looseObject({
  id: z.string().min(1).max(1_400),
  rawId: z.string().max(1_400),
  type: z.literal('public-key'),
  clientExtensionResults: z.looseObject({}).default({}),
  response: z.looseObject({ clientDataJSON: z.string().max(4_096) }),
});

export const assertion = credential.transform((value) => value as unknown as AuthenticationResponseJSON);

export const passkeyLogin = z.object({ response: assertion, remember: z.boolean().default(false) });
export type PasskeyLogin = z.output<typeof passkeyLogin>;

export const passkeyCreation = z.object({
  response: credential.transform((value) => value as unknown as RegistrationResponseJSON),
  name: z.string().transform(displayName).pipe(nameShape).default(''),
  endOtherSessions: z.boolean().default(true),
});
export type PasskeyCreation = z.output<typeof passkeyCreation>;
