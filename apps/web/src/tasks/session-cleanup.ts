// The background task that removes ended sessions.
import type { SessionManager } from '@roam/session';
import type { Config } from '../config/config.js';
import type { Task } from './task-runner.js';

export function sessionCleanup({ session }: Config, sessions: Pick<SessionManager, 'sweep'>): Task {
  return {
    name: 'session-cleanup',
    everyMs: session.cleanupMs,
    // With these methods the sessions are in each server's own memory.
    leased: session.method !== 'memory' && session.method !== 'sync',
    batch: () => sessions.sweep(),
  };
}
