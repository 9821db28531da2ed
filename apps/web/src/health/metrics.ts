// What is measured, in Prometheus' format.
import type { MysqlCluster } from '@roam/mysql-cluster';
import type { AnySessions, SessionEvent } from '@roam/session';
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { AuditEventName } from '../audit/audit-event.js';
import type { AuditService } from '../audit/audit.service.js';
import type { Admission } from '../http/admission.js';
import type { BreachedPasswords } from '../users/breached-passwords.js';
import type { Readiness } from './readiness.js';

/** Which events are the end of an attempt to sign in, or of one of its steps. */
const loginResults: Partial<Record<AuditEventName, string>> = {
  login: 'success',
  'login-failed': 'failure',
  'login-throttled': 'throttled',
  'second-factor-asked': 'second factor asked',
  'second-factor-failed': 'second factor failed',
};

export class Metrics {
  readonly registry = new Registry();
  private readonly durations: Histogram;
  private readonly operations: Counter;
  private readonly logins: Counter;
  private readonly events: Counter;
  private readonly sessionEvents: Counter;
  private readonly breachChecks: Counter;
  private readonly uncaughtErrors: Counter;

  constructor(readiness: Readiness) {
    collectDefaultMetrics({ register: this.registry });
    this.durations = new Histogram({
      name: 'http_request_duration_seconds',
      help: 'Duration of requests, by method, route and status',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 1.5],
      registers: [this.registry],
    });
    this.operations = new Counter({
      name: 'roam_session_operations_total',
      help: 'Calls to the session store, by operation',
      labelNames: ['operation'],
      registers: [this.registry],
    });
    this.logins = new Counter({
      name: 'roam_logins_total',
      help: 'Sign-in attempts, by result and, where they succeeded, by the kind of proof',
      labelNames: ['result', 'by'],
      registers: [this.registry],
    });
    this.events = new Counter({
      name: 'roam_audit_events_total',
      help: 'Events of the audit log, by name',
      labelNames: ['event'],
      registers: [this.registry],
    });
    this.sessionEvents = new Counter({
      name: 'roam_session_events_total',
      help: 'Session events, by type: merged changes, refused revivals, thefts, failed touches and others',
      labelNames: ['type'],
      registers: [this.registry],
    });
    this.breachChecks = new Counter({
      name: 'roam_breach_checks_total',
      help: 'Checks against the breached-password service, by result',
      labelNames: ['result'],
      registers: [this.registry],
    });
    this.uncaughtErrors = new Counter({
      name: 'roam_uncaught_errors_total',
      help: 'Errors that nobody caught, by whether it is known which request they belong to',
      labelNames: ['attributed'],
      registers: [this.registry],
    });
    new Gauge({
      name: 'roam_marked_for_replacement',
      help: '1 when this server waits for its turn to be replaced, after an error that nobody caught',
      registers: [this.registry],
      collect() {
        this.set(readiness.isMarked() ? 1 : 0);
      },
    });
    new Gauge({
      name: 'roam_session_migration',
      help: 'Sessions that this server found in the old store only, moved to the new store, and failed to move',
      labelNames: ['phase', 'count'],
      registers: [this.registry],
      collect() {
        this.reset();
        const { phase, ...counts } = readiness.storage?.progress?.() ?? {};
        if (phase) for (const [count, value] of Object.entries(counts)) this.set({ phase, count }, value);
      },
    });
    new Gauge({
      name: 'roam_ready',
      help: '1 while this server takes traffic, else 0',
      registers: [this.registry],
      collect() {
        this.set(readiness.phase === 'ready' ? 1 : 0);
      },
    });
    new Gauge({
      name: 'roam_mysql_node_state',
      help: 'State of each MySQL node as this server sees it: 1 for the current state, else 0',
      labelNames: ['node', 'state'],
      registers: [this.registry],
      collect() {
        this.reset();
        for (const node of readiness.nodes()) {
          for (const state of ['online', 'fenced', 'down'])
            this.set({ node: node.name, state }, node.state === state ? 1 : 0);
        }
      },
    });
    new Gauge({
      name: 'roam_session_place_state',
      help: 'State of each mount or web server that keeps sessions, as this server sees it: 1 for the current state, else 0',
      labelNames: ['place', 'state'],
      registers: [this.registry],
      collect() {
        this.reset();
        for (const place of readiness.places()) {
          for (const state of ['online', 'fenced', 'down'])
            this.set({ place: place.name, state }, place.state === state ? 1 : 0);
        }
      },
    });
    new Gauge({
      name: 'roam_mysql_node_lag_seconds',
      help: 'Replication lag of each MySQL node, as last seen',
      labelNames: ['node'],
      registers: [this.registry],
      collect() {
        this.reset();
        for (const { name, lagMs } of readiness.nodes())
          if (lagMs !== undefined) this.set({ node: name }, lagMs / 1_000);
      },
    });
  }

  /** Shows what is in hand and what was refused. */
  observe(admission: Admission): void {
    const registers = [this.registry];
    new Gauge({
      name: 'http_requests_in_hand',
      help: 'Requests in progress',
      registers,
      collect() {
        this.set(admission.inHand);
      },
    });
    new Gauge({
      name: 'http_requests_refused_total',
      help: 'Requests refused because of overload',
      registers,
      collect() {
        this.set(admission.refused);
      },
    });
  }

  /** Shows how the cluster of databases had to help itself. */
  observeCluster(cluster: Pick<MysqlCluster, 'stats'>): void {
    new Gauge({
      name: 'roam_mysql_events_total',
      help: 'Events of the MySQL cluster, by type: fenced nodes, statements moved to another node or repeated, lost answers, pauses of this process',
      labelNames: ['type'],
      registers: [this.registry],
      collect() {
        for (const [type, count] of Object.entries(cluster.stats())) this.set({ type }, count as number);
      },
    });
  }

  countSessionEvent(type: SessionEvent['type']): void {
    this.sessionEvents.inc({ type });
  }

  countUncaughtError(attributed: boolean): void {
    this.uncaughtErrors.inc({ attributed: attributed ? 'yes' : 'no' });
  }

  /** Counts what the audit log tells. */
  countEvents(audit: AuditService): void {
    audit.onEvent = ({ event, details }) => {
      this.events.inc({ event });
      const result = loginResults[event];
      if (result) this.logins.inc({ result, by: typeof details.by === 'string' ? details.by : '' });
    };
  }

  /** Counts what the service of breached passwords says. */
  countBreachChecks(breached: BreachedPasswords): void {
    breached.onChecked = (result) => this.breachChecks.inc({ result });
  }

  /** The store with each call counted, by operation. */
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

  /** Measures each request until its response has been handed over. */
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
}
