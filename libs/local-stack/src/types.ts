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
  /** The app account's `mysql://user:password@host:port/roam`. */
  readonly url: string;
  /** An account with all rights, for tests and tools. */
  readonly adminUrl: string;
}

export interface DatabasesOptions {
  readonly count: number;
  readonly topology: Topology;
  /**
   * Whether a commit survives a power cut of the machine (default false). A killed server loses nothing either way;
   * false saves a disk flush per commit, and the data of a run does not outlive the run.
   */
  readonly durable?: boolean;
  readonly onProgress?: Progress;
}

export interface Databases {
  readonly topology: Topology;
  readonly nodes: readonly Database[];
  /** The app account's urls, for `DATABASE_URLS`. */
  readonly urls: readonly string[];
  stop(): Promise<void>;
}

export interface WebServer extends StackProcess {
  /** Reaches this server past nginx. */
  readonly url: string;
  readonly metricsUrl: string;
  /** Changes settings, from the next start on. */
  configure(env: Readonly<Record<string, string>>): void;
}

export interface StackOptions {
  readonly servers?: number;
  readonly databases?: number;
  readonly topology?: Topology;
  /** nginx's port; 0 chooses a free one (default 0). */
  readonly port?: number;
  /** Settings of the web servers beside those that the stack sets itself, e.g. `{ SESSION_METHOD: 'mysql' }`. */
  readonly env?: Readonly<Record<string, string>>;
  /** The folder with the built web app's `main.js` and `migrate.js` (default `apps/web/dist`). */
  readonly app?: string;
  readonly onProgress?: Progress;
}

export interface Stack {
  /** nginx's address. */
  readonly url: string;
  readonly nginx: StackProcess;
  readonly servers: readonly WebServer[];
  readonly databases: Databases;
  /** The folders that stand for the mounts of the session method `file`. */
  readonly sessionDirs: readonly string[];
  /** The settings that all web servers have, secrets included: enough to run a tool of the web app beside them. */
  readonly settings: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}
