// What people are written about their account.
import { siteName } from '../config/site.js';
import type { Letter } from '../mail/letter.js';

const notYou = `If that was not you, set a new password at once: "Forgotten your password?" on the page for signing in.`;

export const letters = {
  verify: (name: string, url: string): Letter => ({
    name,
    subject: `Is this your e-mail address? (${siteName})`,
    paragraphs: [
      `Somebody, hopefully you, gave this address for an account at ${siteName}. Confirm that it is yours, within a day.`,
      'Where you are not signed in, you will be asked to sign in first.',
      'If it was not you, there is nothing to do.',
    ],
    action: { label: 'Confirm this address', url },
  }),
  reset: (name: string, url: string, minutes: number): Letter => ({
    name,
    subject: `A new password for ${siteName}`,
    paragraphs: [
      `Somebody, hopefully you, asked for a new password. You can set it within ${minutes} minutes, once.`,
      'If it was not you, there is nothing to do: your password stays as it is.',
    ],
    action: { label: 'Set a new password', url },
  }),
  passwordChanged: (name: string): Letter => ({
    name,
    subject: `Your password for ${siteName} was changed`,
    paragraphs: ['The password of your account has just been changed.', notYou],
  }),
  secondFactor: (name: string, on: boolean): Letter => ({
    name,
    subject: `Signing in to ${siteName} with two steps was switched ${on ? 'on' : 'off'}`,
    paragraphs: [
      `Signing in to your account ${on ? 'takes a code of your app from now on' : 'takes your password only from now on'}.`,
      notYou,
    ],
  }),
  passkey: (name: string, added: boolean): Letter => ({
    name,
    subject: `A passkey for ${siteName} was ${added ? 'added' : 'removed'}`,
    paragraphs: [
      added
        ? 'Whoever holds the device that it was made on can sign in to your account with it from now on.'
        : 'It does not let anybody in any more.',
      // A new password leaves passkeys alone.
      added ? `${notYou} Then sign in and remove the passkey under "Your passkeys" of your account.` : notYou,
    ],
  }),
  deleted: (name: string): Letter => ({
    name,
    subject: `Your account at ${siteName} is gone`,
    paragraphs: ['Your account and what belonged to it have been removed, as somebody who knew your password asked.'],
  }),
  deactivated: (name: string): Letter => ({
    name,
    subject: `Your account at ${siteName} was switched off`,
    paragraphs: ['An administrator has switched your account off. Nobody can sign in to it.'],
  }),
  emailChanging: (name: string): Letter => ({
    name,
    subject: `Your e-mail address at ${siteName} is about to change`,
    paragraphs: ['Somebody who knows your password has asked to use another e-mail address for your account.', notYou],
  }),
} as const;
