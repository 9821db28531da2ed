// What an error means: for the node, for the statement, and for whoever wonders whether the write has happened.
import { describe, expect, it } from '@jest/globals';
import { DeadlineError, failureOf, isOutcomeUnknown, NoConnectionError, reasonOf } from './errors.js';

const mysql = (errno: number, code = 'ER_X') => Object.assign(new Error('from the server'), { errno, code });

describe('failureOf', () => {
  it.each([
    [mysql(1205), 'conflict', false],
    [mysql(1213), 'conflict', false],
    [mysql(3101), 'conflict', true],
    [mysql(1180), 'conflict', true],
    [mysql(1290), 'refused', false],
    [mysql(1836), 'refused', false],
    [mysql(3100), 'refused', true],
    [mysql(1053), 'refused', true],
    [mysql(1062, 'ER_DUP_ENTRY'), 'statement', false],
    [mysql(1064), 'statement', false],
    [Object.assign(new Error('gone'), { code: 'PROTOCOL_CONNECTION_LOST', fatal: true }), 'lost', true],
    [Object.assign(new Error('reset'), { code: 'ECONNRESET', errno: -104 }), 'lost', true],
    [new DeadlineError('SELECT 1', 150), 'lost', true],
    [new NoConnectionError('busy', false), 'lost', false],
    [new Error('a bug'), 'statement', false],
    ['not even an error', 'statement', false],
  ])('%s: %s', (error, failure, unknown) => {
    expect(failureOf(error)).toBe(failure);
    expect(isOutcomeUnknown(error)).toBe(unknown);
  });

  it('looks into the error that TypeORM wraps around the driver’s', () => {
    const wrapped = Object.assign(new Error('QueryFailedError'), { driverError: mysql(1213) });
    expect(failureOf(wrapped)).toBe('conflict');
    const lost = Object.assign(new Error('QueryFailedError'), { driverError: new DeadlineError('SELECT 1', 400) });
    expect(failureOf(lost)).toBe('lost');
  });

  it('tells the reason in words, also where Node gives none', () => {
    expect(reasonOf(mysql(1045))).toBe('from the server (error 1045)');
    expect(reasonOf(Object.assign(new Error(''), { code: 'ECONNREFUSED' }))).toBe('ECONNREFUSED');
  });
});
