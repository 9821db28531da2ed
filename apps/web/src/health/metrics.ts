// The metrics, in Prometheus' format.
import type { MysqlCluster } from '@roam/mysql-cluster';
import type { AnySessions, SessionEvent } from '@roam/session';
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { AuditEventName } from '../audit/audit-event.js';
import type { AuditService } from '../audit/audit.service.js';
import type { Admission } from '../http/admission.js';
import type { BreachedPasswords } from '../users/breached-passwords.js';
import type { Readiness } from './readiness.js';

/** The audit events that end a sign-in attempt or one of its steps. */
const loginResults: Partial<Record<AuditEventName, string>> = {
  login: 'success',
  'login-failed': 'failure',
  'login-throttled': 'throttled',
  'second-factor-asked': 'second factor asked',
  'second-factor-failed': 'second factor failed',
};

export class Metrics {
  readonly registry = new Registry();
  private readonly durations = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Duration of requests, by method, route and status',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 1.5],
    registers: [this.registry],
  });
  private readonly operations = this.counter(
    'roam_session_operations_total',
    'Calls to the session store, by operation',
    ['operation'],
  );
  private readonly logins = this.counter(
    'roam_logins_total',
    'Sign-in attempts, by result and, where they succeeded, by the kind of proof',
    ['result', 'by'],
  );
  private readonly events = this.counter('roam_audit_events_total', 'Events of the audit log, by name', ['event']);
  private readonly sessionEvents = this.counter(
    'roam_session_events_total',
    'Session events, by type: merged changes, refused revivals, thefts, failed touches and others',
    ['type'],
  );
  private readonly breachChecks = this.counter(
    'roam_breach_checks_total',
    'Checks against the breached-password service, by result',
    ['result'],
  );
  private readonly uncaughtErrors = this.counter(
    'roam_uncaught_errors_total',
    'Uncaught errors, by whether their request is known',
    ['attributed'],
  );

  constructor(readiness: Readiness) {
    collectDefaultMetrics({ register: this.registry });
    this.observeReadiness(readiness);
  }

  /** Shows whether this server serves, and the state of the nodes and places that it depends on. */
  private observeReadiness(readiness: Readiness): void {
    this.gauge(
      'roam_marked_for_replacement',
      '1 while this server is marked for replacement after an uncaught error',
      [],
      (gauge) => gauge.set(readiness.isMarked() ? 1 : 0),
    );
    this.gauge(
      'roam_session_migration',
      'Sessions that this server found in the old store only, moved to the new store, and failed to move',
      ['phase', 'count'],
      (gauge) => {
        const { phase, ...counts } = readiness.storage?.progress?.() ?? {};
        if (phase) for (const [count, value] of Object.entries(counts)) gauge.set({ phase, count }, value);
      },
    );
    this.gauge('roam_ready', '1 while this server takes traffic, else 0', [], (gauge) =>
      gauge.set(readiness.phase === 'ready' ? 1 : 0),
    );
    this.gauge(
      'roam_mysql_node_state',
      'State of each MySQL node as this server sees it: 1 for the current state, else 0',
      ['node', 'state'],
      (gauge) => {
        for (const { name: node, state } of readiness.nodes()) setState(gauge, { node }, state);
      },
    );
    this.gauge(
      'roam_session_place_state',
      'State of each mount or web server that keeps sessions, as this server sees it: 1 for the current state, else 0',
      ['place', 'state'],
      (gauge) => {
        for (const { name: place, state } of readiness.places()) setState(gauge, { place }, state);
      },
    );
    this.gauge('roam_mysql_node_lag_seconds', 'Replication lag of each MySQL node, as last seen', ['node'], (gauge) => {
      for (const { name: node, lagMs } of readiness.nodes())
        if (lagMs !== undefined) gauge.set({ node }, lagMs / 1_000);
    });
  }

  /** Shows the requests in progress and the requests that were refused. */
  observeAdmission(admission: Admission): void {
    this.gauge('http_requests_in_hand', 'Requests in progress', [], (gauge) => gauge.set(admission.inProgress));
    this.gauge('http_requests_refused_total', 'Requests refused because of overload', [], (gauge) =>
      gauge.set(admission.refused),
    );
  }

  /** Shows the failovers and retries of the cluster of databases. */
  observeCluster(cluster: Pick<MysqlCluster, 'stats'>): void {
    this.gauge(
      'roam_mysql_events_total',
      'Events of the MySQL cluster, by type: fenced nodes, statements moved to another node or repeated, lost answers, pauses of this process',
      ['type'],
      (gauge) => {
        for (const [type, count] of Object.entries(cluster.stats())) gauge.set({ type }, count as number);
      },
    );
  }

  countSessionEvent(type: SessionEvent['type']): void {
    this.sessionEvents.inc({ type });
  }

  countUncaughtError(attributed: boolean): void {
    this.uncaughtErrors.inc({ attributed: attributed ? 'yes' : 'no' });
  }

  /** Counts the events of the audit log. */
  countEvents(audit: AuditService): void {
    audit.onEvent = ({ event, details }) => {
      this.events.inc({ event });
      const result = loginResults[event];
      if (result) this.logins.inc({ result, by: typeof details.by === 'string' ? details.by : '' });
    };
  }

  /** Counts the results of checks against the breached-password service. */
  countBreachChecks(breached: BreachedPasswords): void {
    breached.onChecked = (result) => this.breachChecks.inc({ result });
  }

  /** A proxy of the store that counts each call by its operation. */
  counted<T extends AnySessions>(store: T): T {
    const methods = new Map<PropertyKey, unknown>();
    return new Proxy(store, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        if (!methods.has(name))
          methods.set(name, (...args: unknown[]) => {
            this.operations.inc({ operation: String(name) });
            return Reflect.apply(value, target, args) as unknown;
          });
        return methods.get(name);
      },
    });
  }

  /** Measures each request until its response has been passed to the socket. */
  middleware(): RequestHandler {
    return (request: Request, response: Response, next: NextFunction) => {
      const stop = this.durations.startTimer();
      response.once('finish', () => {
        // The route's pattern, never the address: that would make a new series for each item and handle.
        const { path = 'none' } = (request.route ?? {}) as { path?: string };
        stop({ method: request.method, route: path, status: response.statusCode });
      });
      next();
    };
  }

  private counter(name: string, help: string, labelNames: string[]): Counter {
    return new Counter({ name, help, labelNames, registers: [this.registry] });
  }

  /** A gauge that `collect` sets anew each time that the metrics are read. */
  private gauge(name: string, help: string, labelNames: string[], collect: (gauge: Gauge) => void): void {
    new Gauge({
      name,
      help,
      labelNames,
      registers: [this.registry],
      collect() {
        this.reset();
        collect(this);
      },
    });
  }
}

/** 1 for the current state, 0 for the others. */
function setState(gauge: Gauge, labels: Readonly<Record<string, string>>, current: string): void {
  for (const state of ['online', 'fenced', 'down']) gauge.set({ ...labels, state }, state === current ? 1 : 0);
}
