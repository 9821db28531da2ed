// What takes back the claims of V6, authentication.
import { mutationsOf, type Mutation } from './mutation.js';

const account = 'apps/web/src/account/account.mysql.spec.ts';
const NEW_PASSWORD =
  'ASVS 6.2.3, 7.4.3, 7.2.4: needs the current one, ends the other sessions, and gives this one a new token';

const passwords: readonly Mutation[] = [
  ...mutationsOf('apps/web/src/users/password-policy.ts', 'apps/web/src/users/password-policy.spec.ts', [
    {
      numbers: ['6.2.1'],
      test: 'ASVS 6.2.1: wants 8 characters, counted as Unicode code points after NFKC',
      replace: 'length >= passwordLength.min && ',
      by: '',
      also: ['tells what can be nobody’s password, without normalising megabytes'],
    },
    {
      numbers: ['6.2.9'],
      test: 'ASVS 6.2.9: takes 128 characters of any kind, and says when there are more',
      replace: 'recommended: 15, max: 128',
      by: 'recommended: 15, max: 64',
    },
  ]),
  ...mutationsOf('apps/web/src/users/password-policy.ts', account, [
    {
      numbers: ['6.2.4', '6.2.12'],
      test: 'ASVS 6.2.4 and 6.2.11: is refused when it is common or leans on own words, in the form too',
      replace: 'if (common.has(folded))',
      by: "if (folded === '')",
    },
    {
      numbers: ['6.2.11'],
      test: 'ASVS 6.2.4 and 6.2.11: is refused when it is common or leans on own words, in the form too',
      replace: 'if (left !== folded && ',
      by: "if (left === '' && ",
    },
  ]),
  ...mutationsOf('apps/web/src/account/account.service.ts', account, [
    {
      numbers: ['6.2.2'],
      test: NEW_PASSWORD,
      replace: 'if (!(await this.users.replaceHash(before, passwordHash, manager))) throw new NotSignedInError();',
      by: '',
    },
    { numbers: ['6.2.3'], test: NEW_PASSWORD, replace: 'if (matches) return account;', by: 'return account;' },
  ]),
  ...mutationsOf('apps/web/src/users/passwords.service.ts', 'apps/web/src/users/passwords.service.spec.ts', [
    {
      numbers: ['6.2.8'],
      test: 'ASVS 6.2.8: knows a password by what it says, however its letters are composed, and by nothing less',
      replace: 'const task = { passwordHash: against, password: normalizedPassword(password) };',
      by: 'const task = { passwordHash: against, password };',
    },
  ]),
];

export const chapter6: readonly Mutation[] = [...passwords];
