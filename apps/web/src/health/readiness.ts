// Whether this server may get traffic, and the state of its dependencies.
import type { NodeStatus } from '@roam/mysql-cluster';
import type { SessionPlace, SessionStorage } from '../session/session-storage.js';

/**
 * `starting`: not yet ready; `ready`: takes traffic; `cut-off`: has lost its store and waits for it; `catching-up`: was
 * paused and checks its dependencies again; `draining`: is stopping.
 */
export type Phase = 'starting' | 'ready' | 'cut-off' | 'catching-up' | 'draining';

/** The answer of `/readyz`. */
export interface ReadinessReport {
  readonly ready: boolean;
  readonly phase: Phase;
  readonly dependencies: {
    readonly mysql: { readonly usable: boolean; readonly nodes: readonly NodeStatus[] };
    readonly sessions: {
      readonly method?: string;
      readonly usable: boolean;
      /** The mounts or other servers that keep sessions. The method may serve without some of them. */
      readonly places: readonly SessionPlace[];
      /** The web server that takes all writes, if the method has one; null while none can. */
      readonly leader?: string | null;
    };
  };
  readonly waitingFor?: string;
  /** The server is marked for replacement, and serves until then. */
  readonly markedForReplacement?: true;
}

export class Readiness {
  phase: Phase = 'starting';
  /** The dependency that the start waits for, in words. */
  waitingFor: string | undefined;
  /** Set as soon as the cluster is connected. */
  nodes: () => readonly NodeStatus[] = () => [];
  /** Likewise: whether MySQL is known to be out of reach, so that requests need not wait for it. */
  isOut: () => boolean = () => false;
  /** Likewise: whether databases come back from an outage, one after the other. */
  isRecovering: () => boolean = () => false;

  /** Set when the server serves: whether an uncaught error has marked it for replacement. */
  isMarked: () => boolean = () => false;

  /** Set as soon as the session storage is open. */
  storage: SessionStorage | undefined;

  /** Whether at least one node accepts writes. */
  hasUsableNode(): boolean {
    return this.nodes().some((node) => node.state === 'online' && node.writable);
  }

  /** The mounts or other web servers that keep sessions. */
  places(): readonly SessionPlace[] {
    return this.storage?.places?.() ?? [];
  }

  /** The web server that takes all writes, null while none can; undefined if every server writes. */
  leader(): string | null | undefined {
    const leader = this.storage?.leader;
    return leader && (leader() ?? null);
  }

  /** The dependency that is missing to serve signed-in users; undefined if none is. */
  missing(): string | undefined {
    // A node that takes no writes, while a group elects its primary, can still show sessions.
    const hasNode = this.nodes().some(({ state }) => state === 'online');
    if (!hasNode && !this.storage?.withoutMysql) return 'a usable MySQL node';
    return this.storage?.missing();
  }

  report(): ReadinessReport {
    const waitingFor = this.waitingFor ?? (this.phase === 'ready' ? undefined : this.missing());
    return {
      ready: this.phase === 'ready',
      phase: this.phase,
      dependencies: {
        mysql: { usable: this.hasUsableNode(), nodes: this.nodes() },
        sessions: {
          ...(this.storage && { method: this.storage.store.capabilities.method }),
          usable: this.storage !== undefined && this.missing() === undefined,
          places: this.places(),
          ...(this.storage?.leader && { leader: this.leader() ?? null }),
        },
      },
      ...(waitingFor === undefined ? {} : { waitingFor }),
      ...(this.isMarked() && { markedForReplacement: true }),
    };
  }
}
