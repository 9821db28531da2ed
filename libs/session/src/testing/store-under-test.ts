// What the contract kit runs on.
import type { Visitor } from './visitor.js';
import type { AnySessions } from '../carriers/carrier.js';
import type { SealedSessions } from '../carriers/sealed.js';

/** A store under test: one instance per server, all sharing their sessions. At least two. */
export interface StoreUnderTest {
  readonly servers: readonly AnySessions[];
  /** Makes what keeps the sessions unable to answer the first server, if a test can do that; the result heals it. */
  cut?(): Promise<() => Promise<void>>;
  /** A sealed store's other keys. Required with one, for nothing but a sealed store's own keys can open its tokens. */
  readonly sealed?: {
    /** The second server after its keys were rotated: a new one seals, the old one still opens. */
    readonly rotated: SealedSessions;
    /** Stores whose tokens must be worth nothing here: one with other keys, one with the same keys for another site. */
    readonly foreign: readonly SealedSessions[];
  };
  /** Makes a browser, where the sessions do not travel in cookies. */
  visitor?(): Visitor;
  close?(): Promise<void>;
}
