// The text of a generated migration, and its names.
import { describe, expect, it } from '@jest/globals';
import { kebabCase, migrationText, pascalCase } from './migration-text.js';

const content = { up: [], down: [], reserved: new Set(['order']) };
const callsOf = (query: string) =>
  migrationText('X', 'X1', { ...content, up: [{ query }] })
    .split('{\n')
    .at(2)!
    .split('  }\n')[0];

describe('the name of a migration', () => {
  it.each([
    ['AddColourOfNotes', 'AddColourOfNotes', 'add-colour-of-notes'],
    ['add-colour-of-notes', 'AddColourOfNotes', 'add-colour-of-notes'],
    ['Add2ndFactor', 'Add2ndFactor', 'add2nd-factor'],
  ])('%s is the class %s and the file %s', (name, pascal, kebab) => {
    expect(pascalCase(name)).toBe(pascal);
    expect(kebabCase(pascal)).toBe(kebab);
  });

  it.each(['', '../escape', 'ends-with-1', '1st', 'ü', "a'b"])('"%s" is refused', (name) => {
    expect(() => pascalCase(name)).toThrow(`"${name}" is no name of a migration`);
  });
});

describe('a statement', () => {
  it('has no quotes around names but reserved words', () => {
    expect(callsOf('ALTER TABLE `notes` ADD `order` int NOT NULL')).toBe(
      "    await runner.query('ALTER TABLE notes ADD `order` int NOT NULL');\n",
    );
  });

  it('keeps its own quotes and backslashes', () => {
    expect(callsOf("ALTER TABLE `notes` ADD `a` int DEFAULT '1'")).toContain(
      'query("ALTER TABLE notes ADD a int DEFAULT \'1\'")',
    );
    expect(callsOf(String.raw`ALTER TABLE notes COMMENT 'a\'"b'`)).toContain(String.raw`COMMENT 'a\\'"b'`);
  });

  it('that creates a table has a line for each of its parts', () => {
    expect(
      callsOf(
        "CREATE TABLE `notes` (`id` char(36) NOT NULL, `kind` enum ('a,b', 'c') NOT NULL, INDEX `i` (`id`, `kind`), PRIMARY KEY (`id`)) ENGINE=InnoDB",
      ),
    ).toBe(`    await runner.query(\`
      CREATE TABLE notes (
        id char(36) NOT NULL,
        kind enum ('a,b', 'c') NOT NULL,
        INDEX i (id, kind),
        PRIMARY KEY (id)
      ) ENGINE=InnoDB\`);
`);
  });
});
