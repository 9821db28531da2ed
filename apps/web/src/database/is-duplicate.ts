// Tells whether a statement failed because its key exists already.
import { QueryFailedError } from 'typeorm';

export function isDuplicate(error: unknown): boolean {
  // ER_DUP_ENTRY
  return error instanceof QueryFailedError && (error.driverError as { errno?: number }).errno === 1062;
}
