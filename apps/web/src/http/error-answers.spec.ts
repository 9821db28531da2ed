// The answer to each error, and that unexpected errors reveal nothing.
import { ForbiddenException, NotFoundException } from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import { SessionEndedError, StoreUnavailableError } from '@roam/session';
import { DeadlineError, InvalidCredentialsError } from './app.errors.js';
import { asAppError } from './error-answers.js';

describe('asAppError', () => {
  it.each([
    [new InvalidCredentialsError(), 401, 'invalid_credentials'],
    [new DeadlineError(), 503, 'timeout'],
    [new StoreUnavailableError('no node'), 503, 'unavailable'],
    [Object.assign(new Error('no node'), { code: 'cluster_unavailable' }), 503, 'unavailable'],
    [new SessionEndedError('ended'), 401, 'session_ended'],
    [new NotFoundException(), 404, 'not_found'],
    [new ForbiddenException('Cross-origin request'), 403, 'cross_site'],
    [Object.assign(new Error('bad'), { status: 400 }), 400, 'bad_request'],
    ['a string', 500, 'internal_error'],
    [undefined, 500, 'internal_error'],
  ])('%s', (thrown, status, code) => {
    expect(asAppError(thrown)).toMatchObject({ status, code });
  });

  it('says nothing of what nobody expected', () => {
    const error = asAppError(new Error("Duplicate entry 'ann@example.org' for key 'users_email'"));
    expect(error.message).not.toContain('ann');
  });

  it('asks to come back after an outage', () => {
    expect(asAppError(new StoreUnavailableError('')).retryAfter).toBeGreaterThan(0);
  });
});
