// The metrics: each event is counted under its own name, and the dashboard queries only metrics that exist.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { liftsSessions, MemorySessionStore, tellsLives } from '@roam/session';
import type { AuditService } from '../audit/audit.service.js';
import { auditEvent, type AuditEventName } from '../audit/audit-event.js';
import type { BreachedPasswords } from '../users/breached-passwords.js';
import { Metrics } from './metrics.js';
import { Readiness } from './readiness.js';

const stats = { fenced: 3, stalls: 0, fallbacks: 2, retries: 1, unknownOutcomes: 0 };

function measured() {
  const readiness = new Readiness();
  const metrics = new Metrics(readiness);
  metrics.observeCluster({ stats: () => stats });
  const audit = { onEvent: () => undefined } as unknown as AuditService;
  metrics.countEvents(audit);
  return { metrics, audit, readiness };
}

describe('the metrics', () => {
  it('count logins by result, and every event of the audit log', async () => {
    const { metrics, audit } = measured();
    const happens = (event: AuditEventName, details = {}) =>
      audit.onEvent(auditEvent({ event, server: 'web1', details }));
    happens('login', { by: 'passkey', remember: true });
    happens('login', { by: 'password', remember: false });
    happens('login-failed');
    happens('login-throttled');
    happens('logout');
    const text = await metrics.registry.metrics();
    for (const line of [
      'roam_logins_total{result="success",by="passkey"} 1',
      'roam_logins_total{result="success",by="password"} 1',
      'roam_logins_total{result="failure",by=""} 1',
      'roam_logins_total{result="throttled",by=""} 1',
      'roam_audit_events_total{event="login"} 2',
      'roam_audit_events_total{event="logout"} 1',
    ])
      expect(text).toContain(line);
    expect(text).not.toContain('result="logout"');
  });

  it('show what happened to sessions and how the databases helped themselves', async () => {
    const { metrics } = measured();
    metrics.countSessionEvent('merged');
    metrics.countSessionEvent('revival-refused');
    const text = await metrics.registry.metrics();
    expect(text).toContain('roam_session_events_total{type="merged"} 1');
    expect(text).toContain('roam_session_events_total{type="revival-refused"} 1');
    expect(text).toContain('roam_mysql_events_total{type="fenced"} 3');
    expect(text).toContain('roam_mysql_events_total{type="fallbacks"} 2');
  });

  it('count the calls of a store, and leave it able to do what it could and no more', async () => {
    const { metrics } = measured();
    const store = metrics.counted(new MemorySessionStore());
    expect([tellsLives(store), liftsSessions(store)]).toEqual([true, false]);
    await store.livesOf([]);
    expect(await metrics.registry.metrics()).toContain('{operation="livesOf"} 1');
  });

  it('count what the service of breached passwords says, or that it does not answer', async () => {
    const { metrics } = measured();
    const breached = { onChecked: () => undefined } as unknown as BreachedPasswords;
    metrics.countBreachChecks(breached);
    breached.onChecked('breached');
    breached.onChecked('unavailable');
    const text = await metrics.registry.metrics();
    expect(text).toContain('roam_breach_checks_total{result="breached"} 1');
    expect(text).toContain('roam_breach_checks_total{result="unavailable"} 1');
  });

  it('count errors that nobody caught, and say that the server waits for its replacement', async () => {
    const { metrics, readiness } = measured();
    metrics.countUncaughtError(true);
    metrics.countUncaughtError(false);
    expect(await metrics.registry.metrics()).toContain('roam_marked_for_replacement 0');
    readiness.isMarked = () => true;
    const text = await metrics.registry.metrics();
    expect(text).toContain('roam_uncaught_errors_total{attributed="yes"} 1');
    expect(text).toContain('roam_uncaught_errors_total{attributed="no"} 1');
    expect(text).toContain('roam_marked_for_replacement 1');
  });

  it('are what the dashboard shows', async () => {
    const names = (await measured().metrics.registry.getMetricsAsJSON()).map(({ name }) => name);
    const dashboard = readFileSync('deploy/grafana/roam.json', 'utf8');
    const asked = new Set(
      [...dashboard.matchAll(/\b(?:roam|http)_\w+/g)].map(([name]) =>
        name.replace(/_seconds_(bucket|count)$/, '_seconds'),
      ),
    );
    expect(asked.size).toBeGreaterThan(8);
    // The two that come with the admission of requests.
    const all = [...names, 'http_requests_in_hand', 'http_requests_refused_total'];
    expect([...asked].filter((name) => !all.includes(name))).toEqual([]);
  });
});
