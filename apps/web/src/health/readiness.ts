// Whether this server may get traffic, and how each thing that it depends on is.
import type { NodeStatus } from '@roam/mysql-cluster';

/**
 * `starting`: not yet ready; `ready`: takes traffic; `cut-off`: has lost its store and waits for it; `draining`: ends.
 */
export type Phase = 'starting' | 'ready' | 'cut-off' | 'draining';

/** What `/readyz` says. */
export interface ReadinessReport {
  readonly ready: boolean;
  readonly phase: Phase;
  readonly dependencies: {
    readonly mysql: { readonly usable: boolean; readonly nodes: readonly NodeStatus[] };
  };
  readonly waitingFor?: string;
}

export class Readiness {
  phase: Phase = 'starting';
  /** What start is waiting for, in words. */
  waitingFor: string | undefined;
  /** Set as soon as the cluster is connected. */
  nodes: () => readonly NodeStatus[] = () => [];

  /** Whether accounts and sessions can be written somewhere. */
  hasUsableNode(): boolean {
    return this.nodes().some((node) => node.state === 'online' && node.writable);
  }

  report(): ReadinessReport {
    return {
      ready: this.phase === 'ready',
      phase: this.phase,
      dependencies: { mysql: { usable: this.hasUsableNode(), nodes: this.nodes() } },
      ...(this.waitingFor === undefined ? {} : { waitingFor: this.waitingFor }),
    };
  }
}
