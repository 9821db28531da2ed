// The e-mails about an account. Nothing that a user has chosen stands in them: the address may be somebody else's.
import { siteName } from '../config/site.js';
import type { Mail } from '../mail/mail.js';

const notYou = `If this was not you, set a new password immediately: choose "Forgot your password?" on the sign-in page.`;

export const accountMails = {
  verify: (url: string): Mail => ({
    subject: `Please confirm your e-mail address for ${siteName}`,
    paragraphs: [
      `This address was given for an account at ${siteName}. Please confirm that it is yours within 24 hours.`,
      'If you are not signed in, you are asked to sign in first.',
      'If this was not you, you can ignore this e-mail.',
    ],
    action: { label: 'Confirm e-mail address', url },
  }),
  reset: (url: string, minutes: number): Mail => ({
    subject: `Set a new password for ${siteName}`,
    paragraphs: [
      `We received a request to set a new password for your account. The link works once, within ${minutes} minutes.`,
      'If this was not you, you can ignore this e-mail: your password stays the same.',
    ],
    action: { label: 'Set a new password', url },
  }),
  passwordChanged: (): Mail => ({
    subject: `Your password for ${siteName} was changed`,
    paragraphs: ['The password of your account has been changed.', notYou],
  }),
  secondFactor: (on: boolean): Mail => ({
    subject: `Two-step verification for ${siteName} was turned ${on ? 'on' : 'off'}`,
    paragraphs: [
      `Signing in with your password ${on ? 'now also' : 'no longer'} requires a code from your authenticator app.`,
      notYou,
    ],
  }),
  passkey: (added: boolean): Mail => ({
    subject: `A passkey for ${siteName} was ${added ? 'added' : 'removed'}`,
    paragraphs: [
      added
        ? 'From now on, this passkey can be used to sign in to your account.'
        : 'This passkey can no longer be used to sign in to your account.',
      // A new password leaves passkeys alone.
      added ? `${notYou} Then sign in and remove the passkey under "Passkeys" of your account.` : notYou,
    ],
  }),
  deleted: (): Mail => ({
    subject: `Your account at ${siteName} was deleted`,
    paragraphs: [
      'Your account and all that belonged to it have been deleted. The request was confirmed with your password.',
    ],
  }),
  deactivated: (): Mail => ({
    subject: `Your account at ${siteName} was deactivated`,
    paragraphs: ['An administrator has deactivated your account. It can no longer be used to sign in.'],
  }),
  emailChanging: (): Mail => ({
    subject: `Your e-mail address at ${siteName} is about to change`,
    paragraphs: [
      'We received a request to use another e-mail address for your account. The request was confirmed with your password.',
      notYou,
    ],
  }),
} as const;
