// The text of a generated migration, in the form of those that are written by hand.

export interface Statement {
  readonly query: string;
  readonly parameters?: readonly unknown[] | undefined;
}

interface MigrationContent {
  readonly up: readonly Statement[];
  readonly down: readonly Statement[];
  /** MySQL's reserved words, in small letters: as names they keep their quotes. */
  readonly reserved: ReadonlySet<string>;
}

/** The characters of a line, as in `prettier`'s settings. */
const lineLength = 120;

/** `AddColourOfNotes` and `add-colour-of-notes` are the same. @throws {Error} for what cannot be a name */
export function pascalCase(name: string): string {
  // The name ends where the time begins.
  if (!/^[A-Za-z](?:[A-Za-z0-9-]*[A-Za-z])?$/.test(name))
    throw new Error(`"${name}" is no name of a migration: say in letters what it does, such as AddColourOfNotes`);
  return name.replace(/(?:^|-+)([A-Za-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

export function kebabCase(name: string): string {
  return name.replace(/(?<=[a-z0-9])(?=[A-Z])/g, '-').toLowerCase();
}

/** @param name in `pascalCase` */
export function migrationText(name: string, className: string, { up, down, reserved }: MigrationContent): string {
  const words = kebabCase(name).replaceAll('-', ' ');
  const lines = (statements: readonly Statement[]) =>
    statements.map((statement) => `    ${call(statement, reserved)}\n`).join('');
  return `// ${words[0].toUpperCase()}${words.slice(1)}.
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class ${className} implements MigrationInterface {
  readonly name = '${className}';

  async up(runner: QueryRunner): Promise<void> {
${lines(up)}  }

  async down(runner: QueryRunner): Promise<void> {
${lines(down)}  }
}
`;
}

function call({ query, parameters = [] }: Statement, reserved: ReadonlySet<string>): string {
  const sql = query.replace(/`([a-z_][a-z0-9_]*)`/g, (quoted, word: string) => (reserved.has(word) ? quoted : word));
  const rest = parameters.length > 0 ? `, ${JSON.stringify(parameters)}` : '';
  const table = /^(CREATE TABLE \S+ \()(.*)(\) ENGINE=\w+)$/s.exec(sql);
  if (table) {
    const parts = [table[1], ...topLevelParts(table[2]).map((part) => `  ${part}`), table[3]];
    return `await runner.query(\`\n${parts.map((part) => `      ${escaped(part)}`).join('\n')}\`${rest});`;
  }
  const text = literal(sql);
  const line = `await runner.query(${text}${rest});`;
  return line.length + 4 <= lineLength ? line : `await runner.query(\n      ${text}${rest},\n    );`;
}

/** The definitions of columns and keys, each with its comma. */
function topLevelParts(definitions: string): string[] {
  // A comma within parentheses or quotes separates nothing.
  return definitions.match(/(?:\([^()]*\)|'(?:''|[^'])*'|[^,])+,?/g)!.map((part) => part.trim());
}

function literal(sql: string): string {
  const text = sql.replaceAll('\\', '\\\\');
  if (!text.includes("'")) return `'${text}'`;
  return text.includes('"') ? `\`${escaped(sql)}\`` : `"${text}"`;
}

function escaped(sql: string): string {
  return sql.replaceAll('\\', '\\\\').replaceAll('`', '\\`').replaceAll('${', '\\${');
}
