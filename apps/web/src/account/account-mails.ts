// The e-mails about an account.
import { siteName } from '../config/site.js';
import type { Mail } from '../mail/mail.js';

const notYou = `If this was not you, set a new password immediately: choose "Forgot your password?" on the sign-in page.`;

export const accountMails = {
  verify: (name: string, url: string): Mail => ({
    name,
    subject: `Please confirm your e-mail address for ${siteName}`,
    paragraphs: [
      `This address was given for an account at ${siteName}. Please confirm that it is yours within 24 hours.`,
      'If you are not signed in, you are asked to sign in first.',
      'If this was not you, you can ignore this e-mail.',
    ],
    action: { label: 'Confirm e-mail address', url },
  }),
  reset: (name: string, url: string, minutes: number): Mail => ({
    name,
    subject: `Set a new password for ${siteName}`,
    paragraphs: [
      `We received a request to set a new password for your account. The link works once, within ${minutes} minutes.`,
      'If this was not you, you can ignore this e-mail: your password stays the same.',
    ],
    action: { label: 'Set a new password', url },
  }),
  passwordChanged: (name: string): Mail => ({
    name,
    subject: `Your password for ${siteName} was changed`,
    paragraphs: ['The password of your account has been changed.', notYou],
  }),
  secondFactor: (name: string, on: boolean): Mail => ({
    name,
    subject: `Two-step verification for ${siteName} was turned ${on ? 'on' : 'off'}`,
    paragraphs: [
      `Signing in with your password ${on ? 'now also' : 'no longer'} requires a code from your authenticator app.`,
      notYou,
    ],
  }),
  passkey: (name: string, added: boolean): Mail => ({
    name,
    subject: `A passkey for ${siteName} was ${added ? 'added' : 'removed'}`,
    paragraphs: [
      added
        ? 'From now on, this passkey can be used to sign in to your account.'
        : 'This passkey can no longer be used to sign in to your account.',
      // A new password leaves passkeys alone.
      added ? `${notYou} Then sign in and remove the passkey under "Passkeys" of your account.` : notYou,
    ],
  }),
  wrongCodes: (name: string, count: number): Mail => ({
    name,
    subject: `Wrong codes for your account at ${siteName}`,
    paragraphs: [
      `Somebody who knows your password has entered ${count} wrong codes of the two-step verification, one after the other.`,
      notYou,
    ],
  }),
  unlockCodes: (name: string, url: string): Mail => ({
    name,
    subject: `Codes for your account at ${siteName} are not accepted now`,
    paragraphs: [
      'Too many wrong codes of the two-step verification were entered for your account. ' +
        'Codes from your authenticator app are accepted again once you open this link, within 24 hours.',
      'A recovery code or a passkey works at once.',
      'If you did not enter these codes, somebody knows your password. Please set a new one first: choose "Forgot your password?" on the sign-in page.',
    ],
    action: { label: 'Accept codes again', url },
  }),
  deleted: (name: string): Mail => ({
    name,
    subject: `Your account at ${siteName} was deleted`,
    paragraphs: [
      'Your account and all that belonged to it have been deleted. The request was confirmed with your password.',
    ],
  }),
  deactivated: (name: string): Mail => ({
    name,
    subject: `Your account at ${siteName} was deactivated`,
    paragraphs: ['An administrator has deactivated your account. It can no longer be used to sign in.'],
  }),
  emailChanging: (name: string): Mail => ({
    name,
    subject: `Your e-mail address at ${siteName} is about to change`,
    paragraphs: [
      'We received a request to use another e-mail address for your account. The request was confirmed with your password.',
      notYou,
    ],
  }),
} as const;
