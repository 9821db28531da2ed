// The ids of rows.
import { expect, it } from '@jest/globals';
import { validate, version } from 'uuid';
import { idOfRequest, newId } from './ids.js';

it('a new id is a UUID of version 7 that comes after those before', () => {
  const ids = Array.from({ length: 1_000 }, () => newId());
  expect(ids.every((id) => validate(id) && version(id) === 7)).toBe(true);
  expect(ids.toSorted()).toEqual(ids);
  expect(new Set(ids).size).toBe(ids.length);
  expect(newId(0x0123456789ab)).toMatch(/^01234567-89ab-7/);
});

it('the id of a request is the same for each try and each release, and another one for anything else', () => {
  const id = idOfRequest('a request', 'user', 'ann@example.org');
  // A former release beside this one makes the same account of the same request.
  expect(id).toBe('57890d53-2f43-80d3-8ced-6364da59876d');
  expect(validate(id) && version(id) === 8).toBe(true);
  const others = [
    idOfRequest('another request', 'user', 'ann@example.org'),
    idOfRequest('a request', 'user', 'bob@example.org'),
    idOfRequest('a request', 'note', 'ann@example.org'),
  ];
  expect(new Set([id, ...others]).size).toBe(4);
});
