// The limits of the web app. The time budget of one request comes first: each limit is below the next. Milliseconds and
// bytes.

export const limits = {
  /** The cluster's reads, all attempts together. */
  readMs: 300,
  /** The cluster's writes: longer than a group of databases holds them up while a member leaves or joins. */
  writeMs: 1_650,
  /** A request that takes longer is answered 503, unless its route declares another time. */
  requestMs: 1_800,
  /**
   * The same while databases recover from an outage, up to its commit, which then has a sixth of `writeMs`: to say soon when
   * to come again is better than a queue of those who do.
   */
  recoveringRequestMs: 400,
  /** How much longer nginx waits, so that the server says itself that the time is up. */
  proxyMarginMs: 100,
  /** How long a stream may send nothing, unless its route declares another time. */
  streamIdleMs: 3_600_000,
  /** The same for a socket, which is pinged more often than that: through a server that stands still nothing comes. */
  socketIdleMs: 60_000,
  /** A process that was paused this long drops its requests: nginx has given them to other servers. */
  frozenMs: 2_000,
  /** A request whose store does not answer is handed over to another server within this time. */
  handOverMs: 700,
  /** The same while databases recover, with `deny`, and only by a server that knows of no database. */
  recoveringHandOverMs: 200,
  /** Longer than nginx keeps an idle connection (60 s), so that nginx is the one to close it. */
  keepAliveMs: 75_000,
  /** How long a client may take to send a request: its headers, and then its body. */
  receiveMs: 10_000,
  /** How long the server goes without a usable MySQL node before it stops listening. */
  cutOffMs: 2_000,
  /** How long the start waits for MySQL, and how long a statement of a migration may take: changing tables takes time. */
  startMs: 30_000,
  migrationMs: 20_000,
  /** How long running requests may take to end at shutdown. */
  shutdownMs: 8_000,
  /** How long a killed server stays listed, unless a server of the same name starts. */
  listedMs: 24 * 3_600_000,
  /**
   * A ready server announces itself this often. It counts as not ready after `readyMs` without an announcement, and
   * blocks replacements of other servers until `missedMs`.
   */
  announceMs: 2_000,
  readyMs: 6_000,
  missedMs: 60_000,
  /**
   * The next marked server is replaced at the earliest `replacementMs` after the previous one, and when that one is
   * back. After `replacementLostMs` it is no longer waited for.
   */
  replacementMs: 30_000,
  replacementLostMs: 120_000,
  /** How long the export of an account may take: it reads sessions on all nodes, and a thousand events. */
  exportMs: 10_000,
  /** How long the deletion of an account may take: its files are deleted one by one, on all nodes. */
  leaveMs: 30_000,
  /** How long the demo may take to answer that it has started an action. */
  demoMs: 1_000,

  /** How long a sign-in may wait for a permit: behind other attempts for the account, and to hash its password. */
  turnMs: 1_000,
  /**
   * Wrong passwords make the next attempt of the same device or address wait, at first `throttleFirstMs`, at most
   * `throttleMaxMs`. The counters are reset after `throttleMemoryMs` without a failure.
   */
  throttleFirstMs: 1_000,
  throttleMaxMs: 15 * 60_000,
  throttleMemoryMs: 24 * 3_600_000,
  /** Wrong passwords of one account by all strangers together in a day: 300 (NIST SP 800-63B-4, 3.2.2, allows 100 in a row). */
  strangersPerDay: 100,
  /** So many more for addresses with fewer than `firstTries`: a new device of the owner has a turn while others guess. */
  firstTriesPerDay: 200,
  firstTries: 2,
  /** An address from which the account was signed in to is no stranger, up to so many wrong passwords a day. */
  knownAddressTries: 20,
  /** The periods in which wrong passwords, registrations and e-mails of one address are counted. */
  throttleLoginsMs: 15 * 60_000,
  throttleRegistrationsMs: 3_600_000,
  throttleMailsMs: 3_600_000,
  /** How many times the limits of an address a shared one has (`THROTTLE_SHARED_ADDRESSES`). */
  sharedRoom: 100,
  /** The period in which new sessions of visitors are counted. */
  visitorSessionsMs: 15 * 60_000,
  /** Links of one purpose that work at the same time: a user who has so many gets no further mail. */
  outstandingTokens: 5,
  /** Mails within `throttleMailsMs` to an address that nobody has confirmed (a registration's, and five more), and of an account. */
  mailsPerRecipient: 6,
  mailsPerAccount: 10,
  /** After so many links to set a password in a day, one works at a time. */
  resetMailsPerDay: 20,
  /** Mails about changes of one kind: one in this time, for addresses that are confirmed and those that are not. */
  noticeMs: 15 * 60_000,
  noticeUnconfirmedMs: 3_600_000,
  /** How much later they leave at most, where one client causes many to addresses that nobody has confirmed. */
  noticeDelayMs: 12 * 3_600_000,
  /** How long the audit log's table keeps an event: a year. */
  auditMs: 365 * 24 * 3_600_000,
  /** How long the links in e-mails work: to set a password, and to confirm an address. */
  resetTokenMs: 10 * 60_000,
  emailTokenMs: 24 * 3_600_000,
  /** How long the second step of signing in may come after the first. */
  secondStepMs: 5 * 60_000,
  /**
   * Wrong codes of the second factor since the last right one: at the first number the owner is told, at the second one no
   * code of the app is taken until the owner has proved the identity in another way.
   */
  factorFailuresTold: 10,
  factorFailures: 50,
  /** How long the link that allows codes again works, and how often a refused code sends another one. */
  unlockTokenMs: 24 * 3_600_000,
  unlockMailMs: 3_600_000,
  /** How long the link "This was not me" in a mail works. */
  noticeTokenMs: 3 * 24 * 3_600_000,
  /** Mails about new devices of one account in a day: they tell of a stranger, and must not flood the owner. */
  newDeviceMailsPerDay: 5,
  /** How long after a re-authentication sensitive actions are allowed, such as ending other sessions. */
  freshMs: 5 * 60_000,
  /** How long the service of breached passwords may take. */
  breachMs: 1_000,
  /** How long a mail server may take for each step. */
  mailMs: 5_000,
  /** A mail with a link to set a new password waits for a random time up to this: it is no part of what comes after the request. */
  mailDelayMs: 3_000,
  /** How often each server looks for rows of the outbox that are due, and how many it does at once. */
  outboxMs: 2_000,
  outboxAtOnce: 5,
  /**
   * The pauses between the attempts of an effect: eight attempts in five and a half hours. An attempt takes less than the
   * first pause, or another server would begin the next one meanwhile.
   */
  outboxPausesMs: [60_000, 60_000, 5 * 60_000, 15 * 60_000, 3_600_000, 2 * 3_600_000, 2 * 3_600_000],
  /** How long a row of the outbox stays when its effect is done, and, if it was given up, after it was written. */
  outboxSentMs: 3_600_000,
  outboxGivenUpMs: 24 * 3_600_000,

  /**
   * The number of running requests, of waiting requests, and how long a request may have waited, the time in the socket
   * included.
   */
  runningRequests: 128,
  waitingRequests: 128,
  queueMs: 600,
  /** The number of open streams: of one server, of one address, of one user. */
  streams: 3_072,
  streamsPerAddress: 64,
  streamsPerUser: 16,

  /** How long the answer to a request that counts once is kept for further tries, and its size at most. */
  claimMs: 3_600_000,
  claimBytes: 1024 * 1024,

  /** A request's body, unless its route declares another size. */
  bodyBytes: 16 * 1024,
  /** The bodies of all requests together, from their announcement to the end of the answer. */
  receivingBytes: 64 * 1024 * 1024,
  /** The same of one address. */
  receivingBytesPerAddress: 16 * 1024 * 1024,
  /** How many bodies of one address may be under way at once. */
  receivingPerAddress: 128,
  /**
   * The bytes of a session that are kept free for the app itself: the longest user, a sign-in that waits for its second step,
   * and an authenticator app that is being set up. Visitors may put the rest in.
   */
  signInBytes: 2_000,
  /** Of these, text from a request: the name of a browser, and where to go after the second step. */
  userAgentBytes: 200,
  returnToBytes: 200,
  /** All headers together; more is answered 431. */
  headerBytes: 16 * 1024,
} as const;
