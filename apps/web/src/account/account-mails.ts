// The e-mails about an account. Nothing that a user has chosen stands in them: the address may be somebody else's.
import { siteName } from '../config/site.js';
import type { Mail } from '../mail/mail.js';

const notYou = `If this was not you, set a new password immediately: choose "Forgot your password?" on the sign-in page.`;

/** What the owner does who did not do it, by the link where the mail has one, and then. */
function orNotYou(link: string | undefined, what: string, then = ''): Pick<Mail, 'paragraphs' | 'action'> {
  const how =
    link === undefined
      ? notYou
      : 'If this was not you, open the link above within three days: it signs all devices out of your account and lets you set a new password.';
  return {
    paragraphs: [what, `${how}${then}`],
    ...(link !== undefined && { action: { label: 'This was not me', url: link } }),
  };
}

export const accountMails = {
  verify: (url: string): Mail => ({
    subject: `Please confirm your e-mail address for ${siteName}`,
    paragraphs: [
      `This e-mail address was entered for an account at ${siteName}. Please confirm that it is yours within 24 hours.`,
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
  newDevice: ({ device, ip, at }: { device: string; ip: string; at: Date }, link?: string): Mail => ({
    // E-mails of one subject are told together: another device is another subject.
    subject: `A new device has signed in to ${siteName}: ${device}`,
    ...orNotYou(
      link,
      `Your account was signed in to on a new device: ${device}, from the address ${ip}, on ${at.toISOString().slice(0, 16).replace('T', ' at ')} UTC.`,
    ),
  }),
  passwordChanged: (link?: string): Mail => ({
    subject: `Your password for ${siteName} was changed`,
    ...orNotYou(link, 'The password of your account has been changed.'),
  }),
  secondFactor: (on: boolean, link?: string): Mail => ({
    subject: `Two-step verification for ${siteName} was turned ${on ? 'on' : 'off'}`,
    ...orNotYou(
      link,
      `Signing in with your password ${on ? 'now also' : 'no longer'} requires a code from your authenticator app.`,
    ),
  }),
  passkey: (added: boolean, link?: string): Mail => ({
    subject: `A passkey for ${siteName} was ${added ? 'added' : 'removed'}`,
    ...orNotYou(
      link,
      added
        ? 'From now on, this passkey can be used to sign in to your account.'
        : 'This passkey can no longer be used to sign in to your account.',
      // A new password leaves passkeys alone.
      added ? ' Then sign in and remove the passkey under "Passkeys" of your account.' : '',
    ),
  }),
  wrongCodes: (count: number, link?: string): Mail => ({
    subject: `Wrong codes for your account at ${siteName}`,
    ...orNotYou(
      link,
      `Someone who knows your password has entered ${count} wrong codes for two-step verification in a row.`,
    ),
  }),
  unlockCodes: (url: string): Mail => ({
    subject: `Codes for your account at ${siteName} are not accepted at the moment`,
    paragraphs: [
      'Too many wrong codes for two-step verification were entered for your account. ' +
        'Codes from your authenticator app are accepted again once you open this link, within 24 hours.',
      'You can use a recovery code or a passkey at any time.',
      'If you did not enter these codes, someone knows your password. Please set a new one first: choose "Forgot your password?" on the sign-in page.',
    ],
    action: { label: 'Accept codes again', url },
  }),
  deleted: (): Mail => ({
    subject: `Your account at ${siteName} was deleted`,
    paragraphs: ['Your account and all its data have been deleted. The request was confirmed with your password.'],
  }),
  deactivated: (): Mail => ({
    subject: `Your account at ${siteName} was deactivated`,
    paragraphs: ['An administrator has deactivated your account. It can no longer be used to sign in.'],
  }),
  emailChanging: (link?: string): Mail => ({
    subject: `Your e-mail address at ${siteName} is about to change`,
    ...orNotYou(
      link,
      'We received a request to use another e-mail address for your account. The request was confirmed with your password.',
    ),
  }),
  emailChanged: (link?: string): Mail => ({
    subject: `Your e-mail address at ${siteName} was changed`,
    ...orNotYou(
      link,
      'The e-mail address of your account was changed. The address that received this e-mail can no longer be used to sign in.',
    ),
  }),
} as const;
