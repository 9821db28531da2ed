// The state of the cluster as this web server sees it, in the words of its page.
import type { MysqlCluster, NodeStatus } from '@roam/mysql-cluster';
import type { Config } from '../config/config.js';
import type { Readiness } from '../health/readiness.js';
import { memberNames } from './member-names.js';

/** A MySQL server, or a mount or web server that keeps sessions. */
export interface Member {
  readonly name: string;
  readonly state: NodeStatus['state'];
  /** Its role, its lag, and why it is not online; as far as they are known. */
  readonly note: string;
}

interface Database extends Member {
  /** `host:port` */
  readonly address: string;
}

export interface ClusterState {
  /** The web server that sends it. */
  readonly server: string;
  readonly databases: readonly Database[];
  readonly places: readonly (Member & { readonly kind: 'mount' | 'server' })[];
  /** A sentence about the web server that leads, if the session method has one. */
  readonly leader: string | undefined;
  /** The name of the MySQL server that keeps the session that the page asks for. */
  readonly home: string | undefined;
}

/** What users read for each state. */
export const stateWords: Readonly<Record<Member['state'], string>> = {
  online: 'Online',
  fenced: 'Not in use',
  down: 'Down',
};

type Cluster = Pick<MysqlCluster, 'nodes' | 'homeOf'>;

/** @param session whose home is asked for */
export function clusterState(
  config: Config,
  cluster: Cluster,
  readiness: Pick<Readiness, 'places' | 'leader'>,
  session: string | undefined,
): ClusterState {
  const nodes = cluster.nodes();
  const names = memberNames(nodes.map(({ name }) => name));
  const keepsSessionsInMysql = config.session.method === 'mysql' && session !== undefined;
  const home = keepsSessionsInMysql ? cluster.homeOf(session) : undefined;
  const leader = readiness.leader();
  return {
    server: config.server.name,
    databases: nodes.map((node, index) => ({
      name: names[index],
      address: node.name,
      state: node.state,
      note: noteOn(node),
    })),
    places: readiness.places().map(({ kind, name, state, reason }) => ({
      kind,
      name,
      state,
      note: list([leader === undefined ? '' : name === leader ? 'leads' : 'follows', reason ?? '']),
    })),
    leader: leader === undefined ? undefined : sentenceOn(leader),
    home: names[nodes.findIndex(({ name }) => name === home)],
  };
}

function noteOn({ role, writable, lagMs, reason }: NodeStatus): string {
  return list([
    role ?? '',
    role === 'primary' && !writable ? 'read-only' : '',
    lagMs === undefined ? '' : `${Math.round(lagMs)} ms behind`,
    reason ?? '',
  ]);
}

function sentenceOn(leader: string | null): string {
  if (leader === null) return 'No web server leads at the moment. Changes wait until one does.';
  return `${leader} leads: all changes go through it.`;
}

const list = (parts: readonly string[]) => parts.filter((part) => part !== '').join(', ');
