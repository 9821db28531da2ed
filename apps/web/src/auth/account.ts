// A proved identity at the moment of signing in.
import type { User } from '../users/user.entity.js';

export interface Account {
  readonly user: User;
  /** The user's epoch as it was before the proof. */
  readonly epoch: number;
}
