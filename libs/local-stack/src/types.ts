// The outside of the local stack: what demo, tests and benchmark may call.

export type Topology = 'multi-primary' | 'single-primary' | 'replicas' | 'single';

/** Receives one line per step of long work, for a person who waits. */
export type Progress = (message: string) => void;

/** A real process of the stack: signals go to exactly that program. */
export interface StackProcess {
  readonly name: string;
  /** The process's id now; null while it does not run, and where Docker runs it. */
  readonly pid: number | null;
  /** The container's name, where Docker runs it. */
  readonly container?: string;
  /** Sends SIGKILL and waits until it is gone. */
  kill(): Promise<void>;
  /** SIGSTOP and SIGCONT. */
  freeze(): void;
  thaw(): void;
  /** Starts it again with the same arguments, data and port; resolves when it serves (for a grouped database: is ONLINE). */
  start(): Promise<void>;
  /** SIGTERM, then SIGKILL after a grace; resolves when it is gone. */
  stop(): Promise<void>;
}

export interface Database extends StackProcess {
  readonly host: string;
  readonly port: number;
  /** As seen by the server itself at this moment. */
  role(): Promise<'primary' | 'replica'>;
  /**
   * The app account's `mysql://user:password@host:port/roam`. It has all rights on that database until the migrations of the
   * web app have run by `migrationUrl`: then it can use the tables, and change none.
   */
  readonly url: string;
  /** The account that changes tables, and passes on rights on them. */
  readonly migrationUrl: string;
  /** An account with all rights, for tests and tools. */
  readonly adminUrl: string;
  /**
   * Packets between it and the other databases vanish, and nobody is told; with `clients` also those of everybody else.
   * Only where the databases are `isolated`, or throws `StackError` bad_options; so does `heal`.
   */
  cut(options?: { readonly clients?: boolean }): Promise<void>;
  heal(): Promise<void>;
  /** Leaves no byte free. Only where the databases have `ownDisks`, or throws `StackError` bad_options; so does `freeDisk`. */
  fillDisk(): Promise<void>;
  /** Also while it does not run, so that it can start again. */
  freeDisk(): Promise<void>;
}

export interface DatabasesOptions {
  readonly count: number;
  readonly topology: Topology;
  /**
   * Whether a commit survives a power cut of the machine (default false). A killed server loses nothing either way;
   * false saves a disk flush per commit, and the data of a run does not outlive the run.
   */
  readonly durable?: boolean;
  /** Each in a network namespace with an address of its own, so that it can be cut off; where `canIsolate`. */
  readonly isolated?: boolean;
  /** Each with its data on a disk of its own, 512 MB, so that it can be full; where `canOwnDisks`. */
  readonly ownDisks?: boolean;
  /** Whether a node of a group that was frozen, cut off or stopped is taken back (default true), as a keeper does it elsewhere. */
  readonly kept?: boolean;
  readonly onProgress?: Progress;
}

export interface Databases {
  readonly topology: Topology;
  readonly nodes: readonly Database[];
  /** The app account's urls, for `DATABASE_URLS`. */
  readonly urls: readonly string[];
  /** For `MIGRATION_DATABASE_URLS`, of the migrations only. */
  readonly migrationUrls: readonly string[];
  stop(): Promise<void>;
}

export interface WebServer extends StackProcess {
  /** Reaches this server past nginx. */
  readonly url: string;
  readonly metricsUrl: string;
  /** Changes settings, from the next start on. */
  configure(env: Readonly<Record<string, string>>): void;
  /** Sets its time of day so many milliseconds ahead of ours (negative: behind), from the next start on. */
  shiftClock(ms: number): void;
}

/** What can happen to a network. */
export interface LinkFaults {
  /**
   * Nothing arrives any more in either direction and nobody is told, as when a switch dies. Connections stay open; who
   * connects now gets no answer. Memory stays bounded: what does not get through stays with its sender.
   */
  cut(): void;
  /** From now on an answer takes this many milliseconds longer: half of them are added to each direction. */
  delay(ms: number): void;
  /** Resets all connections and refuses new ones, as a machine does on which nothing listens. */
  refuse(): Promise<void>;
  /**
   * Ends all of these. Connections that were cut go on, and what was sent meanwhile arrives, also the end of those that
   * were given up: as TCP does it. Those that were begun during the cut are reset.
   */
  heal(): Promise<void>;
}

export interface Link extends LinkFaults {
  /** On 127.0.0.1; what connects there is connected to the link's other end, or reset where nothing listens there. */
  readonly port: number;
  close(): Promise<void>;
}

/** The network of a stack that was started with `links`, by the names of its servers (`web1`) and databases (`mysql1`). */
export interface Links {
  /** All that lead to it or from it. Throws `StackError` bad_options where there is none. */
  of(name: string): LinkFaults;
  /** The one that `from`, a web server, uses to reach `to`. Throws `StackError` bad_options where there is none. */
  between(from: string, to: string): LinkFaults;
}

export interface StackOptions {
  readonly servers?: number;
  readonly databases?: number;
  readonly topology?: Topology;
  /** nginx's port; 0 chooses a free one (default 0). */
  readonly port?: number;
  /** Settings of the web servers beside those that the stack sets itself, e.g. `{ SESSION_METHOD: 'mysql' }`. */
  readonly env?: Readonly<Record<string, string>>;
  /**
   * Gives every web server a network of its own to each database and to each other web server (`DATABASE_URLS` and
   * `SYNC_PEERS`), which `Stack.links` can cut. It passes through this process, so it is no faster than this process.
   */
  readonly links?: boolean;
  /** As `DatabasesOptions` say it. */
  readonly isolated?: boolean;
  readonly ownDisks?: boolean;
  /**
   * The folder with the built web app's `main.js` and `migrate.js` (default `apps/web/dist`). Several: one after the other
   * for each web server, as in a rolling deploy; all migrate before, one after the other.
   */
  readonly app?: string | readonly string[];
  /** A module that every web server and the migrations load before; for tests, which add handlers that no product has. */
  readonly preload?: string;
  readonly onProgress?: Progress;
}

export interface Stack {
  /** nginx's address. */
  readonly url: string;
  readonly nginx: StackProcess;
  /** The file with a line per request: `… STATUS … tried=ADDRESS, … answered=STATUS, … took=SECONDS, …`. */
  readonly requestLog: string;
  readonly servers: readonly WebServer[];
  readonly databases: Databases;
  readonly links: Links;
  /** The folders that stand for the mounts of the session method `file`. */
  readonly sessionDirs: readonly string[];
  /** The settings that all web servers have, secrets included: enough to run a tool of the web app beside them. */
  readonly settings: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}
