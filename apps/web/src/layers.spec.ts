// The order of the folders: a file imports from its own folder and from lower floors only.
import { expect, it } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The floor of each folder that is not named below. Features know nothing of each other. */
const FEATURES = 'features';
/** From the lowest floor to the highest. Folders of one floor know nothing of each other, but for those of one module. */
const floors = [
  // What needs nothing of the app.
  ['config'],
  ['logging', 'routes'],
  ['database', 'lifecycle'],
  ['tasks', 'http', 'servers'],
  ['outbox', 'session', 'users', 'repeats'],
  ['audit', 'throttling'],
  ['pages', 'mail', 'health'],
  // Answers to errors, and who is signed in: what each feature builds on.
  ['errors', 'auth'],
  ['openapi'],
  [FEATURES],
  // `AccountModule` has all three.
  ['account factors passkeys'],
  ['login', 'admin'],
].map((floor) => floor.map((folders) => folders.split(' ')));
/** The files beside the folders put the app together. */
const top = floors.length;

const root = dirname(fileURLToPath(import.meta.url));
const folderOf = (path: string) => (path.includes(sep) ? path.split(sep)[0] : '');
const named = floors.flat(2).filter((folder) => folder !== FEATURES);
function floorOf(folder: string): number {
  if (folder === '') return top;
  return floors.findIndex((floor) => floor.flat().includes(named.includes(folder) ? folder : FEATURES));
}
const isOneModule = (one: string, other: string) =>
  one === other || floors.flat().some((folders) => folders.includes(one) && folders.includes(other));

const sources = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(
  (path) => path.endsWith('.ts') && !path.endsWith('.spec.ts') && !`${sep}${path}`.includes(`${sep}testing${sep}`),
);
const imports = sources.flatMap((path) =>
  [...readFileSync(join(root, path), 'utf8').matchAll(/(?:from|import)\s*\(?'(\.[^']+)'/g)].map(([, target]) => ({
    path,
    target: relative(root, join(root, dirname(path), target)),
  })),
);

const folders = [...new Set(sources.map(folderOf).filter((folder) => folder !== '' && folder !== 'testing'))];

it('names folders that there are, and each once', () => {
  expect(named.filter((folder) => !folders.includes(folder))).toEqual([]);
  expect(named).toEqual([...new Set(named)]);
});

it('has no folders that differ by an s', () => {
  const names = folders.map((name) => name.replace(/s$/, ''));
  expect(names).toEqual([...new Set(names)]);
});

it('is kept by every import', () => {
  const upward = imports.filter(({ path, target }) => {
    const [from, to] = [folderOf(path), folderOf(target)];
    return !isOneModule(from, to) && floorOf(to) >= floorOf(from) && floorOf(from) !== top;
  });
  expect(upward).toEqual([]);
  expect(imports.length).toBeGreaterThan(500);
});
