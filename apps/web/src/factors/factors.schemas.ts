// The input for a second factor.
import { z } from 'zod';
import { currentPassword } from '../account/account.schemas.js';

export const codeInput = z.object({
  code: z.string({ error: 'Enter the code.' }).trim().min(1, 'Enter the code.').max(64, 'This is not a valid code.'),
});
export type CodeInput = z.output<typeof codeInput>;

export const passwordInput = z.object({ currentPassword });
export type PasswordInput = z.output<typeof passwordInput>;
