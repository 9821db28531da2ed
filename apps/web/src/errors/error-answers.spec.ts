// The answer to each error, and that unexpected errors reveal nothing.
import { NotFoundException } from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import { SessionEndedError, SessionTooLargeError, StoreUnavailableError, TooManySessionsError } from '@roam/session';
import type { Request } from 'express';
import { QueryFailedError } from 'typeorm';
import { DeadlineError, InvalidCredentialsError } from '../http/app.errors.js';
import { asAppError, ErrorAnswers } from './error-answers.js';
import { policyOf } from '../routes/policy.js';

const queryFailed = (cause: object) => new QueryFailedError('INSERT', [], Object.assign(new Error('no'), cause));

describe('asAppError', () => {
  it.each([
    [new InvalidCredentialsError(), 401, 'invalid_credentials'],
    [new DeadlineError(), 503, 'timeout'],
    [new StoreUnavailableError('no node'), 503, 'unavailable'],
    [Object.assign(new Error('no node'), { code: 'cluster_unavailable' }), 503, 'unavailable'],
    [queryFailed({ errno: 3101 }), 503, 'unavailable'],
    [queryFailed({ code: 'PROTOCOL_CONNECTION_LOST', fatal: true }), 503, 'unavailable'],
    [queryFailed({ errno: 1062 }), 500, 'internal_error'],
    [new SessionEndedError('ended'), 401, 'session_ended'],
    [new SessionTooLargeError('The biggest keys: plan', 70_000, 65_536), 409, 'session_full'],
    [new TooManySessionsError(1_000), 429, 'too_many_sessions'],
    [new NotFoundException(), 404, 'not_found'],
    [Object.assign(new Error('bad'), { status: 400 }), 400, 'bad_request'],
    [Object.assign(new Error('gone'), { status: 410 }), 410, 'gone'],
    ['a string', 500, 'internal_error'],
    [undefined, 500, 'internal_error'],
  ])('%s', (thrown, status, code) => {
    expect(asAppError(thrown)).toMatchObject({ status, code });
  });

  it('says nothing of what nobody expected', () => {
    const error = asAppError(new Error("Duplicate entry 'ann@example.org' for key 'users_email'"));
    expect(error.message).not.toContain('ann');
    // The whole answer, of the API and of a page; of a page its data.
    const answers = new ErrorAnswers({ page: (...data: unknown[]) => JSON.stringify(data.slice(1)) } as never);
    for (const url of ['/api/orders', '/orders']) {
      const unexpected = new Error("Duplicate entry 'ann@example.org' for key 'users_email'");
      const { status, body } = answers.to(unexpected, { url, headers: {} } as never);
      expect([status, body]).toEqual([500, expect.stringContaining('Something went wrong on our side')]);
      expect(body).not.toMatch(/ann@|users_email|stack|node_modules|\.[jt]s\b/);
    }
  });

  it('says by how much a session is too large, and not what is in it', () => {
    const { message } = asAppError(new SessionTooLargeError('The biggest keys: plan', 70_000, 65_536));
    expect(message).toContain('70000 bytes, and the limit is 65536');
    expect(message).not.toContain('plan');
  });

  it('says when a visitor may come again', () => {
    expect(asAppError(new TooManySessionsError(61_500)).retryAfter).toBe(62);
  });

  it('asks to come back after an outage', () => {
    expect(asAppError(new StoreUnavailableError('')).retryAfter).toBeGreaterThan(0);
  });
});

describe('the answer to a request that failed half way', () => {
  const answers = new ErrorAnswers({} as never);
  const codeOf = (error: Error, policy: Request['policy'], hasBegun: boolean) => {
    const request = { url: '/api/orders', headers: {}, policy, hasBegun };
    const { status, body } = answers.to(error, request as unknown as Request);
    return [status, (JSON.parse(body) as { error: { code: string } }).error.code];
  };

  it('says that nobody knows the outcome, if it may run once and its handler had begun', () => {
    const order = policyOf('POST');
    for (const error of [new DeadlineError(), new StoreUnavailableError('no node')]) {
      expect(codeOf(error, order, true)).toEqual([502, 'outcome_unknown']);
      expect(codeOf(error, order, false)[0]).toBe(503);
      expect(codeOf(error, policyOf('GET'), true)[0]).toBe(503);
      expect(codeOf(error, policyOf('POST', { repeatable: true }), true)[0]).toBe(503);
    }
    expect(codeOf(new InvalidCredentialsError(), order, true)[0]).toBe(401);
  });
});
