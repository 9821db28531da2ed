// `npm run generate -- feature NAME`: makes a feature out of the files of `notes`. No dependencies.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { identifiersOf, namesOf, otherIdentifiers, renamed, renamedPath, singularOf } from './feature-names.mjs';

const usage = `Usage: npm run generate -- feature NAME [--singular NAME]

Makes a feature out of the files of apps/web/src/notes: table, migration, API, pages, pictures and
tests, under another name. Then change what it keeps: see docs/write-a-feature.md.

  NAME               the plural, in small letters with dashes: bookmarks, shopping-lists
  --singular NAME    for one of them, where the plural does not tell: people --singular person,
                     movies --singular movie
  --without-routes   leave deploy/nginx as it is; run "npm run routes" later
`;

const SOURCES = 'apps/web/src';
const FEATURES = `${SOURCES}/features.ts`;
const MODEL = `${SOURCES}/notes`;
const MODEL_TEST = 'test/e2e/notes.e2e.ts';
/** In code a variable, in SQL a table, in addresses a path of the app itself. */
const KEYWORDS =
  'arguments break case catch class const continue debugger default delete do else enum eval export extends false finally for function if implements import in instanceof interface let new null package private protected public return static super switch this throw true try typeof var void while with yield';
const TABLES = 'databases groups keys lines rows schemas values';
const PATHS = 'api assets metrics';

class Refusal extends Error {}

/**
 * Writes the files and the lines of features.ts, and returns their paths.
 * @throws {Refusal} that says what to do
 */
function generateFeature(root, name, singular, now = Date.now()) {
  const at = (path) => join(root, path);
  if (!existsSync(at(MODEL)) || !existsSync(at(MODEL_TEST)))
    throw new Refusal(
      `${MODEL} and ${MODEL_TEST} are what is copied, and one of them is missing: get it back from git.`,
    );
  checkForm(name, singular);
  const names = namesOf(name, singular);
  const folder = join(SOURCES, name);
  const inFolder = readdirSync(at(MODEL), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
  const sources = [...inFolder, MODEL_TEST].map((path) => ({ path, text: readFileSync(at(path), 'utf8') }));
  checkIsFree(at, name, names, sources);
  const target = (path) =>
    path === MODEL_TEST ? renamedPath(path, names) : join(folder, renamedPath(path.slice(MODEL.length), names));
  checkIsClean(root, [folder, FEATURES, target(MODEL_TEST), 'deploy/nginx']);

  const features = readFileSync(at(FEATURES), 'utf8');
  const lines = features.split('\n').filter((line) => /NotesModule/.test(line));
  if (lines.length !== 2)
    throw new Refusal(
      `${FEATURES} must name NotesModule in two lines, its import and its entry: a new feature stands below.`,
    );
  const withFeature = lines.reduce(
    (text, line) => text.replace(line, `${line}\n${renamed(line, false, names)}`),
    features,
  );
  writeFileSync(at(FEATURES), withFeature);
  const files = sources.map(({ path, text }) => {
    // The migration's time orders it behind all others.
    const made = renamed(text, path.endsWith('.eta'), names).replace(/(?<=\bCreate[A-Za-z]+)\d{13}\b/g, String(now));
    mkdirSync(dirname(at(target(path))), { recursive: true });
    writeFileSync(at(target(path)), made);
    return target(path);
  });
  return [FEATURES, ...files];
}

function checkForm(name, singular) {
  const isName = (text) => /^[a-z][a-z\d]*(-[a-z][a-z\d]*)*$/.test(text);
  for (const text of [name, singular].filter((each) => each !== undefined))
    if (!isName(text) || text.length > 40)
      throw new Refusal(`"${text}" is not a name: use small letters and dashes, at most 40, such as shopping-lists.`);
  if (singular === undefined && singularOf(name) === undefined)
    throw new Refusal(`"${name}" is no plural that ends with s: use one, such as bookmarks, or add --singular NAME.`);
  if (singular === name)
    throw new Refusal(`"${name}" must differ from its singular: tables hold many, classes are one.`);
}

function checkIsFree(at, name, names, sources) {
  const choose = 'choose another name.';
  if (existsSync(at(join(SOURCES, name))) || existsSync(at(`test/e2e/${name}.e2e.ts`)))
    throw new Refusal(
      `"${name}" is taken: ${join(SOURCES, name)} or test/e2e/${name}.e2e.ts exists. Remove them, or ${choose}`,
    );
  const table = names.all.join('_');
  const others = readdirSync(at(SOURCES), { recursive: true }).filter((path) => path.endsWith('.ts'));
  const uses = new RegExp(`'(?:api/)?${name}[/']|/api/${name}\\b|EXISTS ${table} `);
  const user = others.find(
    (path) => !path.endsWith('.spec.ts') && uses.test(readFileSync(at(join(SOURCES, path)), 'utf8')),
  );
  if (user)
    throw new Refusal(`"${name}" is taken: ${join(SOURCES, user)} has a path or a table of this name; ${choose}`);
  const words = new Set(`${KEYWORDS} ${TABLES} ${PATHS}`.split(' '));
  const taken = sources.flatMap(({ path, text }) => [...otherIdentifiers(text, path.endsWith('.eta'))]);
  const reserved = [name, ...identifiersOf(names)].find((word) => words.has(word) || taken.includes(word));
  if (reserved) throw new Refusal(`"${name}" is reserved: "${reserved}" means something else in the code; ${choose}`);
}

/** What is generated can then be looked at, and taken back, by git alone. */
function checkIsClean(root, paths) {
  const { status, stdout } = spawnSync('git', ['status', '--porcelain', '--', ...paths], {
    cwd: root,
    encoding: 'utf8',
  });
  // 128: not a repository, so there is nothing to compare with.
  if (status === 0 && stdout !== '')
    throw new Refusal(
      `These files have changes that are not committed: commit or stash them first.\n${stdout.trimEnd()}`,
    );
}

function node(root, ...args) {
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
  if (status !== 0) throw new Refusal(`"node ${args.join(' ')}" failed: see its output above.`);
}

function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      singular: { type: 'string' },
      'without-routes': { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) return void process.stdout.write(usage);
  const [kind, name, ...rest] = positionals;
  if (kind !== 'feature' || name === undefined || rest.length > 0)
    throw new Refusal(`Say what to make: "feature" and its name.\n\n${usage}`);
  const root = join(dirname(fileURLToPath(import.meta.url)), '..');
  const files = generateFeature(root, name, values.singular);
  node(root, 'node_modules/prettier/bin/prettier.cjs', '--write', '--ignore-unknown', '--log-level=warn', ...files);
  if (!values['without-routes']) node(root, 'scripts/run.mjs', 'routes');
  process.stdout.write(`${files.map((file) => `wrote ${file}\n`).join('')}
Now change what it keeps (entity, migration, schemas, template), and test it:
  npm run check
  npm run test:unit -- ${SOURCES}/${name}
  npm test -- ${SOURCES}/${name} test/e2e/${name}.e2e.ts
`);
}

try {
  main();
} catch (error) {
  const isOurs = error instanceof Refusal || error.code?.startsWith('ERR_PARSE_ARGS');
  console.error(isOurs ? error.message : error);
  process.exit(1);
}
