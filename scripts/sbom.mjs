// Writes the software bill of materials of a web server (CycloneDX 1.5, JSON). No dependencies: it runs in the image too.
//
//   node scripts/sbom.mjs               the packages that package-lock.json has for apps/web
//   node scripts/sbom.mjs --installed   the packages that are installed below node_modules
//
// `npm sbom --omit dev` is no help here: it leaves out every package that the root has as a development dependency too,
// such as express.
import { Buffer } from 'node:buffer';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const APP = 'apps/web';
const FOLDER = 'node_modules/';

const read = (file) => JSON.parse(readFileSync(file, 'utf8'));
const isInstalled = process.argv.includes('--installed');
const { packages } = read(isInstalled ? 'node_modules/.package-lock.json' : 'package-lock.json');
// The list of what is installed does not repeat the manifests of the workspaces.
const manifestOf = (path) => (path.includes(FOLDER) ? packages[path] : read(join(path, 'package.json')));

const paths = isInstalled ? Object.keys(packages).filter((path) => path.includes(FOLDER)) : [];
const found = new Map();
for (const path of [APP, ...paths]) visit(realPath(path));

const app = manifestOf(APP);
const components = [...found.keys()].filter((path) => path !== APP).sort();
process.stdout.write(
  `${JSON.stringify(
    {
      $schema: 'http://cyclonedx.org/schema/bom-1.5.schema.json',
      bomFormat: 'CycloneDX',
      specVersion: '1.5',
      version: 1,
      metadata: {
        lifecycles: [{ phase: isInstalled ? 'build' : 'pre-build' }],
        component: { 'bom-ref': APP, type: 'application', name: app.name, version: app.version, purl: purlOf(APP) },
      },
      components: components.map(componentOf),
      dependencies: [...found].map(([ref, dependsOn]) => ({ ref, dependsOn })),
    },
    null,
    2,
  )}\n`,
);

/** Takes in the package at this path, and all that it needs. */
function visit(path) {
  if (found.has(path)) return;
  const manifest = manifestOf(path);
  const { dependencies = {}, optionalDependencies = {}, peerDependencies = {}, peerDependenciesMeta = {} } = manifest;
  const peers = Object.keys(peerDependencies).filter((name) => !peerDependenciesMeta[name]?.optional);
  const names = Object.keys({ ...dependencies, ...optionalDependencies });
  const needed = [...new Set([...names, ...peers])].map((name) => resolved(path, name)).filter(Boolean);
  found.set(path, needed);
  needed.forEach(visit);
}

/** Where Node finds a package from here; undefined if there is none, such as one for another processor. */
function resolved(from, name) {
  for (let folder = from; ; folder = folder === '.' ? '' : dirname(folder)) {
    const path = folder === '' || folder === '.' ? FOLDER + name : `${folder}/${FOLDER}${name}`;
    if (packages[path]) return realPath(path);
    if (folder === '' || folder === '.') return undefined;
  }
}

/** A workspace is a link below node_modules. */
function realPath(path) {
  return packages[path]?.link ? packages[path].resolved : path;
}

function componentOf(path) {
  const { version, integrity, optional } = manifestOf(path);
  const [scope, name] = nameOf(path).startsWith('@') ? nameOf(path).split('/') : [undefined, nameOf(path)];
  const licence = licenceOf(path);
  return {
    'bom-ref': path,
    type: 'library',
    ...(scope && { group: scope }),
    name,
    version,
    scope: optional ? 'optional' : 'required',
    ...(integrity && { hashes: [hashOf(integrity)] }),
    licenses: licence ? [/[ ()]/.test(licence) ? { expression: licence } : { license: { id: licence } }] : [],
    purl: purlOf(path),
  };
}

function nameOf(path) {
  return path.includes(FOLDER)
    ? (packages[path].name ?? path.slice(path.lastIndexOf(FOLDER) + FOLDER.length))
    : manifestOf(path).name;
}

function purlOf(path) {
  return `pkg:npm/${nameOf(path).replace('@', '%40')}@${manifestOf(path).version}`;
}

/** The hash of the package as the registry gives it out. */
function hashOf(integrity) {
  const [, algorithm, value] = /^sha(\d+)-(\S+)/.exec(integrity);
  return { alg: `SHA-${algorithm}`, content: Buffer.from(value, 'base64').toString('hex') };
}

/** As the lock has it, or as old packages write it. */
function licenceOf(path) {
  const { license } = manifestOf(path);
  if (license) return typeof license === 'string' ? license : license.type;
  const manifest = join(path, 'package.json');
  if (!existsSync(manifest)) return undefined;
  const { licenses = [] } = read(manifest);
  const names = licenses.map(({ type }) => type);
  return names.length > 1 ? `(${names.join(' OR ')})` : names[0];
}
