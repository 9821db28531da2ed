// Why the app's own handlers count once although a proxy may repeat them: none needs a claim.

export const countsOnce = {
  session: "its only effect is the session's, whose writes count once for each request id",
  account: 'the new account has an id made of the request id and the address',
  usedUp: 'what it uses up (a code, a token, a challenge) is used up under the request id',
  sameAgain: 'a second run finds its work done: it sets, ends or deletes the same again, and the session comes last',
} as const;
