// What `npm run generate -- feature NAME` makes is sound under every kind of name, and what it refuses says what to do.
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { renamed, namesOf, singularOf } from '../scripts/feature-names.mjs';
import { runNode } from './support/run.js';

jest.setTimeout(240_000);

const project = join(import.meta.dirname, '..');
const copied = [
  ...['apps/web', 'deploy/nginx', 'scripts', 'test/e2e', 'test/support'],
  ...['package.json', 'tsconfig.json', 'eslint.config.js', 'jest.config.js', '.prettierrc'],
];
const mixed = 'shopping-lists';
const features = [['bookmarks'], [mixed], ['people', '--singular', 'person']];

/** A copy of what the generator and the checks of its files need. */
let copy: string;
beforeAll(() => {
  copy = mkdtempSync(join(tmpdir(), 'roam-generate-'));
  const isSource = (path: string) => !['dist', 'node_modules'].includes(basename(path));
  for (const path of copied) cpSync(join(project, path), join(copy, path), { recursive: true, filter: isSource });
  symlinkSync(join(project, 'node_modules'), join(copy, 'node_modules'));
  const sources = [
    'apps/web/src/features.ts',
    ...features.flatMap(([name]) => [`apps/web/src/${name}`, `test/e2e/${name}.*`]),
  ];
  const config = JSON.parse(readFileSync(join(project, 'tsconfig.json'), 'utf8')) as { compilerOptions: object };
  // The packages lie beside the copy, where no declaration may point to.
  config.compilerOptions = { ...config.compilerOptions, declaration: false };
  writeFileSync(join(copy, 'tsconfig.json'), JSON.stringify({ ...config, include: sources }));
});
afterAll(() => rmSync(copy, { recursive: true, force: true }));

const generate = (...args: string[]) =>
  runNode([join(copy, 'scripts/generate.mjs'), ...args], { PATH: process.env.PATH ?? '' });
function run(program: string, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join('node_modules', program), ...args], {
    cwd: copy,
    encoding: 'utf8',
  });
  return { status, output: stdout + stderr };
}
const sound = { status: 0, output: '' };

describe('a generated feature', () => {
  beforeAll(async () => {
    for (const [name, ...options] of features) {
      const { code, stderr } = await generate('feature', name, ...options, '--without-routes');
      expect([code, stderr]).toEqual([0, '']);
    }
  });

  it('has the files of notes, a later migration and a line in features.ts, and says nothing of notes', () => {
    const read = (path: string) => readFileSync(join(copy, path), 'utf8');
    const source = read(`apps/web/src/${mixed}/migrations/create-${mixed}.ts`);
    const [, time] = /class CreateShoppingLists(\d+) /.exec(source)!;
    expect(Math.abs(Number(time) - Date.now())).toBeLessThan(600_000);
    expect(source).toContain('TABLE IF NOT EXISTS shopping_list_pictures');
    expect(read('apps/web/src/features.ts')).toMatch(/^ {2}NotesModule,\n(.*,\n)* {2}ShoppingListsModule,$/m);
    expect(read(`apps/web/src/${mixed}/${mixed}.service.ts`)).toContain("readonly code = 'too_many_shopping_lists'");
    expect(read(`apps/web/src/${mixed}/${mixed}.eta`)).toContain('Delete shopping list</button>');
    for (const [name] of features)
      for (const path of [`test/e2e/${name}.e2e.ts`, `apps/web/src/${name}/${name}.mysql.spec.ts`])
        expect(read(path).replaceAll(/wrote/g, '')).not.toMatch(/note(?!d)/i);
  });

  it('has sound types, and passes the linter', () => {
    const paths = features.flatMap(([name]) => [`apps/web/src/${name}`, `test/e2e/${name}.e2e.ts`]);
    expect(run('prettier/bin/prettier.cjs', '--check', '--log-level=warn', ...paths)).toEqual(sound);
    expect(run('typescript/bin/tsc', '--noEmit')).toEqual(sound);
    expect(run('eslint/bin/eslint.js', ...paths)).toEqual(sound);
  });

  it('passes its tests that need no server', () => {
    const flags = [
      '--experimental-vm-modules',
      '--disable-warning=ExperimentalWarning',
      'node_modules/jest/bin/jest.js',
    ];
    const paths = features.map(([name]) => `src/${name}/`);
    const { status, stderr } = spawnSync(
      process.execPath,
      [...flags, '--selectProjects', 'unit', '--reporters=default', '--testPathPatterns', ...paths],
      { cwd: copy, encoding: 'utf8' },
    );
    expect(stderr).toContain(`${features.length} passed, ${features.length} total`);
    expect(status).toBe(0);
  });
});

describe('what is refused', () => {
  it.each([
    [['feature'], 'Say what to make'],
    [['page', 'bookmarks'], 'Say what to make'],
    [['feature', 'Bookmarks'], 'use small letters and dashes'],
    [['feature', '../bookmarks'], 'use small letters and dashes'],
    [['feature', 'sheep'], 'add --singular NAME'],
    [['feature', 'sheep', '--singular', 'sheep'], 'must differ from its singular'],
    [['feature', 'notes'], 'apps/web/src/notes or test/e2e/notes.e2e.ts exists'],
    [['feature', 'sessions'], 'has a path or a table of this name'],
    [['feature', 'classes'], '"class" means something else in the code'],
    [['feature', 'titles'], '"titles" means something else in the code'],
    [['feature', 'groups'], '"groups" means something else in the code'],
    [['feature', 'tasks2', '--quick'], "Unknown option '--quick'"],
  ])('%j', async (args, reason) => {
    const before = readFileSync(join(copy, 'apps/web/src/features.ts'), 'utf8');
    const { code, stdout, stderr } = await generate(...args);
    expect([code, stdout, stderr]).toEqual([1, '', expect.stringContaining(reason)]);
    expect(readFileSync(join(copy, 'apps/web/src/features.ts'), 'utf8')).toBe(before);
  });

  it('a target with changes that are not committed', async () => {
    const git = (...args: string[]) =>
      spawnSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@example.org', ...args], { cwd: copy });
    git('init', '-q');
    git('add', 'apps/web/src/notes', 'apps/web/src/features.ts', 'deploy');
    git('commit', '-qm', 'a');
    writeFileSync(join(copy, 'apps/web/src/features.ts'), '// changed\n', { flag: 'a' });
    const { code, stderr } = await generate('feature', 'recipes', '--without-routes');
    expect([code, stderr]).toEqual([1, expect.stringMatching(/commit or stash them first\.\n.*features\.ts/)]);
    expect(existsSync(join(copy, 'apps/web/src/recipes'))).toBe(false);
    git('commit', '-qam', 'b');
    expect((await generate('feature', 'recipes', '--without-routes')).code).toBe(0);
  });

  it('nothing: --help says how', async () => {
    const { code, stdout } = await generate('--help');
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^Usage: npm run generate -- feature NAME/)]);
  });
});

describe('the names', () => {
  it.each([
    ['bookmarks', 'bookmark'],
    ['stories', 'story'],
    ['boxes', 'box'],
    ['houses', 'house'],
    ['addresses', 'address'],
    ['people', undefined],
    ['glass', undefined],
  ])('one of %s is %s', (name, singular) => expect(singularOf(name)).toBe(singular));

  it('differ by where they stand', () => {
    const source = [
      '// A note, of notes; see `NotesModule` and /api/notes.',
      "import { maxNotes } from './notes.schemas.js';",
      "const note = await notes.find(`/api/notes/${note.id}`, 'DELETE FROM notes WHERE note_id = 1');",
      "@Controller('notes') @Entity('notes') denote('a note', { label: 'Notes' });",
    ];
    expect(renamed(source.join('\n'), false, namesOf('open-orders')).split('\n')).toEqual([
      '// An open order, of open orders; see `OpenOrdersModule` and /api/open-orders.',
      "import { maxOpenOrders } from './open-orders.schemas.js';",
      "const openOrder = await openOrders.find(`/api/open-orders/${openOrder.id}`, 'DELETE FROM open_orders WHERE open_order_id = 1');",
      "@Controller('open-orders') @Entity('open_orders') denote('an open order', { label: 'Open orders' });",
    ]);
  });
});
