// Removes from node_modules what no production dependency of apps/web requires. npm also installs an optional peer that is
// somewhere among the development dependencies. With --check it only prints such packages, and fails if there are any.
import { existsSync, readFileSync, rmSync } from 'node:fs';

const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8'));

/** As Node looks for a package: in the own folder, then further out. */
function placeOf(name, from) {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/')))) {
    const place = `${folder}${folder && '/'}node_modules/${name}`;
    if (packages[place]) return place;
    if (folder === '') return undefined;
  }
}

function namesIn({ dependencies, optionalDependencies, peerDependencies = {}, peerDependenciesMeta = {} }) {
  const peers = Object.keys(peerDependencies).filter((name) => !peerDependenciesMeta[name]?.optional);
  return [...Object.keys({ ...dependencies, ...optionalDependencies }), ...peers];
}

const required = new Set();
function require(place) {
  if (required.has(place)) return;
  required.add(place);
  const { link, resolved } = packages[place];
  if (link) return require(resolved);
  for (const name of namesIn(packages[place])) {
    const found = placeOf(name, place);
    if (found !== undefined) require(found);
  }
}
require('apps/web');

const others = Object.keys(packages).filter(
  (place) => /(^|\/)node_modules\//.test(place) && !required.has(place) && existsSync(place),
);
if (process.argv.includes('--check')) {
  for (const place of others) console.log(place);
  process.exitCode = others.length > 0 ? 1 : 0;
} else {
  for (const place of others) rmSync(place, { recursive: true, force: true });
  console.log(`removed ${others.length} packages that production does not need`);
}
