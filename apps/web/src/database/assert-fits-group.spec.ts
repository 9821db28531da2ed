// Tables that Group Replication refuses are named with the rule; `migrate.mysql.spec.ts` asks a real server.
import { describe, expect, it } from '@jest/globals';
import {
  assertFitsGroup,
  faultsInGroup,
  type ForeignKeyRow,
  type KeyPartRow,
  type TableRow,
} from './assert-fits-group.js';

const notes: TableRow = { name: 'notes', engine: 'InnoDB' };
const part = (key: string, isWhole = 1): KeyPartRow => ({ table: 'notes', key, isWhole });
const foreign = (onDelete: string, onUpdate = 'NO ACTION'): ForeignKeyRow => ({
  table: 'notes',
  key: 'notes_user',
  onDelete,
  onUpdate,
});

describe('faultsInGroup', () => {
  it.each<[string, TableRow[], KeyPartRow[], ForeignKeyRow[]]>([
    ['a primary key', [notes], [part('PRIMARY')], []],
    ['a unique key of NOT NULL columns', [notes], [part('a'), part('a')], []],
    ['such a key beside another', [notes], [part('a', 0), part('b')], []],
    [
      'foreign keys without actions',
      [notes],
      [part('PRIMARY')],
      [foreign('NO ACTION'), foreign('RESTRICT', 'RESTRICT')],
    ],
    ['no table', [], [], []],
  ])('accepts %s', (_, ...rows) => {
    expect(faultsInGroup(...rows)).toEqual([]);
  });

  it.each<[string, TableRow[], KeyPartRow[], ForeignKeyRow[]]>([
    ['notes has the engine MyISAM', [{ name: 'notes', engine: 'MyISAM' }], [part('PRIMARY')], []],
    ['notes has no primary key', [notes], [], []],
    ['notes has no primary key', [notes], [{ ...part('PRIMARY'), table: 'users' }], []],
    ['notes has no primary key', [notes], [part('a'), part('a', 0)], []],
    ...['CASCADE', 'SET NULL', 'SET DEFAULT'].flatMap(
      (action) =>
        [
          [`notes has the foreign key notes_user ON DELETE ${action}`, [notes], [part('PRIMARY')], [foreign(action)]],
          [
            `notes has the foreign key notes_user ON UPDATE ${action}`,
            [notes],
            [part('PRIMARY')],
            [foreign('RESTRICT', action)],
          ],
        ] as [string, TableRow[], KeyPartRow[], ForeignKeyRow[]][],
    ),
  ])('%s', (fault, ...rows) => {
    expect(faultsInGroup(...rows)).toEqual([expect.stringContaining(fault)]);
  });
});

describe('assertFitsGroup', () => {
  it('names all faults at once', async () => {
    const answers = [[notes, { name: 'old', engine: 'MEMORY' }], [part('PRIMARY')], [foreign('CASCADE')]];
    const refused = assertFitsGroup({ query: async () => answers.shift() } as never);
    await expect(refused).rejects.toThrow(
      /old has the engine MEMORY.*old has no primary key.*notes_user ON DELETE CASCADE/,
    );
  });
});
