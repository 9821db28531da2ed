// A user whose identity was just proved, at sign-in or re-authentication.
import type { User } from '../users/user.entity.js';

export interface Account {
  readonly user: User;
  /** The user's epoch from before the proof. */
  readonly epoch: number;
}
