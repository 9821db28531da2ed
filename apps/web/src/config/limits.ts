// The time budget of one request, each limit below the next; how long people wait; the sizes that are refused.
// Milliseconds and bytes.

export const limits = {
  /** The cluster's reads, all attempts together. */
  readMs: 300,
  /** The same of writes: longer than a group of databases holds them up while a member leaves or joins. */
  writeMs: 1_650,
  /** A request that takes longer is answered 503; nginx waits 1.9 s. */
  requestMs: 1_800,
  /**
   * The same while databases recover from an outage, up to its commit, which then has a sixth of `writeMs`: to say soon when
   * to come again is better than a queue of those who do.
   */
  recoveringRequestMs: 400,
  /** A process that stood still for this long drops what it has in hand: nginx has given all of it to other servers. */
  frozenMs: 2_000,
  /** A request whose store does not answer is given to another server if there is that much time left for it. */
  handOverMs: 700,
  /** The same while databases recover, with `deny`, and only by a server that knows of no database. */
  recoveringHandOverMs: 200,
  /** Longer than nginx keeps an idle connection (60 s), so that nginx is the one to close it. */
  keepAliveMs: 75_000,
  /** How long a client may take to send a request. */
  receiveMs: 10_000,
  /** How long the server goes without a usable MySQL node before it stops listening. */
  cutOffMs: 2_000,
  /** How long start waits for MySQL, and how long a statement of a migration may take: changing a table takes its time. */
  startMs: 30_000,
  migrationMs: 20_000,
  /** How long running requests may take to end at shutdown. */
  shutdownMs: 8_000,
  /** How long a server that was killed stays listed, unless one of its name comes back. */
  listedMs: 24 * 3_600_000,
  /** How often a server that takes traffic says so, after how long without that it does not, and for how long it is missed. */
  announceMs: 2_000,
  readyMs: 6_000,
  missedMs: 60_000,
  /**
   * The next marked server is replaced so long after the one before, at the earliest, and when that is back. One that does not
   * come back is waited for so long.
   */
  replacementMs: 30_000,
  replacementLostMs: 120_000,
  /** How long the demo may take to say that it has begun to kill, freeze or revive. */
  demoMs: 1_000,

  /** How long a login may wait for its turn, behind others of the same account and for the hashing of its password. */
  turnMs: 1_000,
  /**
   * Wrong logins make the next one wait, at first and at most this long: those from one address, and those from everywhere,
   * which must not keep the account's owner out. They are forgotten when none came for `throttleMemoryMs`.
   */
  throttleFirstMs: 1_000,
  throttleMaxMs: 15 * 60_000,
  throttleAccountMaxMs: 60_000,
  throttleMemoryMs: 24 * 3_600_000,
  /** In what time an address may have so many wrong logins, registrations and mails. */
  throttleLoginsMs: 15 * 60_000,
  throttleRegistrationsMs: 3_600_000,
  throttleMailsMs: 3_600_000,
  /** How long the audit log's table keeps an event: a year. */
  auditMs: 365 * 24 * 3_600_000,
  /** How long the links in mails work: those that let somebody set a password, and those that prove an address. */
  resetTokenMs: 10 * 60_000,
  emailTokenMs: 24 * 3_600_000,
  /** How long the second step of signing in may come after the first. */
  secondStepMs: 5 * 60_000,
  /** How old the last proof of identity may be for ending other sessions and the like. */
  freshMs: 5 * 60_000,
  /** How long the service of breached passwords may take. */
  breachMs: 1_000,
  /** How long a mail server may take for each step, and how long to wait before each try of a mail. */
  mailMs: 5_000,
  mailPausesMs: [0, 2_000, 15_000, 60_000],

  /** Requests that run at once, those that may wait for their turn, and how long one may have waited, unread included. */
  runningRequests: 128,
  waitingRequests: 128,
  queueMs: 600,

  bodyBytes: 16 * 1024,
  /** All headers together; more is answered 431. */
  headerBytes: 16 * 1024,
} as const;
