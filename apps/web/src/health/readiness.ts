// Whether this server may get traffic, and how each thing that it depends on is.
import type { NodeStatus } from '@roam/mysql-cluster';
import type { SessionPlace, SessionStorage } from '../session/session-storage.js';

/**
 * `starting`: not yet ready; `ready`: takes traffic; `cut-off`: has lost its store and waits for it; `catching-up`: was
 * frozen and looks anew at all that it depends on; `draining`: ends.
 */
export type Phase = 'starting' | 'ready' | 'cut-off' | 'catching-up' | 'draining';

/** What `/readyz` says. */
export interface ReadinessReport {
  readonly ready: boolean;
  readonly phase: Phase;
  readonly dependencies: {
    readonly mysql: { readonly usable: boolean; readonly nodes: readonly NodeStatus[] };
    readonly sessions: {
      readonly method?: string;
      readonly usable: boolean;
      /** Mounts or other servers, where the method has any: it may serve without some of them. */
      readonly places: readonly SessionPlace[];
      /** The web server that takes the writes of all, where one does; null while none can. */
      readonly leader?: string | null;
    };
  };
  readonly waitingFor?: string;
  /** It serves until it is its turn to be replaced. */
  readonly markedForReplacement?: true;
}

export class Readiness {
  phase: Phase = 'starting';
  /** What start is waiting for, in words. */
  waitingFor: string | undefined;
  /** Set as soon as the cluster is connected. */
  nodes: () => readonly NodeStatus[] = () => [];
  /** Likewise: whether MySQL is known to be out of reach, so that nothing that needs it has to wait. */
  isOut: () => boolean = () => false;
  /** Likewise: whether databases come back from an outage, one after the other. */
  isRecovering: () => boolean = () => false;

  /** Set when the server serves: whether an error that nobody caught has marked it for replacement. */
  isMarked: () => boolean = () => false;

  /** Set as soon as the sessions' storage is open. */
  storage: SessionStorage | undefined;

  /** Whether accounts can be written somewhere. */
  hasUsableNode(): boolean {
    return this.nodes().some((node) => node.state === 'online' && node.writable);
  }

  /** Where sessions are kept beside this server and MySQL. */
  places(): readonly SessionPlace[] {
    return this.storage?.places?.() ?? [];
  }

  /** The web server that takes the writes of all, null while none can; undefined where every server writes. */
  leader(): string | null | undefined {
    const leader = this.storage?.leader;
    return leader && (leader() ?? null);
  }

  /** What keeps this server from serving people who are signed in; undefined when nothing does. */
  missing(): string | undefined {
    // One that takes no writes, while a group elects its primary, shows people's sessions all the same.
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
