// The names of the MySQL servers on the page of the cluster.
import { describe, expect, it } from '@jest/globals';
import { memberNames } from './member-names.js';

describe('the names of MySQL servers', () => {
  it.each([
    ['their hosts', ['db-a.internal:3306', 'db-b.internal:3306'], ['db-a', 'db-b']],
    ['a host alone', ['mysql7:3306'], ['mysql7']],
    ['numbers for addresses', ['10.0.0.7:3306', '[::1]:3306'], ['mysql1', 'mysql2']],
    ['numbers for one machine', ['localhost:3306', 'localhost:3307'], ['mysql1', 'mysql2']],
    ['numbers for equal labels', ['mysql.one.example:3306', 'mysql.two.example:3306'], ['mysql1', 'mysql2']],
    ['a number for this machine', ['localhost:3306'], ['mysql1']],
  ])('are %s', (_what, addresses, names) => {
    expect(memberNames(addresses)).toEqual(names);
  });
});
