// The tables of the mysql method. An app's migration runs these statements; each may run again.

/** Shared by the methods that keep sessions' ends in MySQL. */
export const epochTable = `CREATE TABLE IF NOT EXISTS session_epochs (
    user_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
    epoch INT UNSIGNED NOT NULL
  )`;

/** In the order in which they must be run. */
export const sessionTables: readonly string[] = [
  // `id` begins with the creation time: inserts append. `sweep_at` is when the row may go: the nearer limit while it
  // lives, the absolute one as a tombstone. No foreign key: group replication with several writers refuses cascades.
  `CREATE TABLE IF NOT EXISTS sessions (
    id BINARY(16) NOT NULL PRIMARY KEY,
    version INT UNSIGNED NOT NULL,
    ended TINYINT UNSIGNED NOT NULL DEFAULT 0,
    head VARCHAR(1000) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    payload MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    idle_ends_at BIGINT UNSIGNED NOT NULL,
    ends_at BIGINT UNSIGNED NOT NULL,
    sweep_at BIGINT UNSIGNED NOT NULL,
    user_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
    epoch INT UNSIGNED NOT NULL DEFAULT 0,
    KEY sessions_by_user (user_id),
    KEY sessions_by_end (sweep_at)
  )`,
  epochTable,
];
