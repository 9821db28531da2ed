// The tables of the revocation list in MySQL. An app's migration runs these statements; each may run again.
import { epochTable } from '../../mysql/schema.js';

/** In the order in which they must be run. */
export const revocationTables: readonly string[] = [
  // A log that is only appended to: `subject` is a session's handle or, with an epoch, a user whose epoch was raised.
  // An entry may be there twice. `ends_at` is when it may be swept.
  `CREATE TABLE IF NOT EXISTS session_revocations (
    seq BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    subject VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    epoch INT UNSIGNED NULL,
    ends_at BIGINT UNSIGNED NOT NULL,
    written_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    KEY session_revocations_by_end (ends_at)
  )`,
  epochTable,
];
