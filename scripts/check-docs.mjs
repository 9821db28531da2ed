// Checks the documents against the repository: links, commands, settings, paths, and what README.md must list.
//
//   node scripts/check-docs.mjs [FOLDER]   exits with 1 and prints "file:line: what is wrong; what to do" for each fault
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import GithubSlugger from 'github-slugger';
import { fromMarkdown } from 'mdast-util-from-markdown';
import { toString } from 'mdast-util-to-string';
import { visit } from 'unist-util-visit';
import { settingsFaults } from './documented-settings.mjs';

const README_LINES = 130;
const NO_SOURCES = new Set(['node_modules', 'dist', '.git', '.roam']);
const EXTENSION = /\.(ts|mts|mjs|js|json|yml|md|sh|eta|css|conf|svg|png)$/;
/** Working papers that are not part of the repository. Written so that this file does not contain their names. */
const FOREIGN_PAPERS = ['DESIGN', 'CONTRACT', 'STYLE'].map((name) => `${name}.md`);

/** Which words may follow `npm run NAME --`, as the help text of that command lists them. */
const ARGUMENTS = {
  demo: { file: 'apps/demo/src/flags.ts', listed: /^ {2}(--[\w-]+)/gm, checked: (word) => word.startsWith('--') },
  bench: { file: 'test/bench/flags.ts', listed: /^ {2}(--[\w-]+)/gm, checked: (word) => word.startsWith('--') },
  admin: { file: 'apps/web/src/admin.ts', listed: /^ {2}([a-z-]+) EMAIL/gm, checked: (_word, i) => i === 0 },
};

/** The subcommands of `docker compose` that take names of services, and how many. */
const COMPOSE_SERVICES = {
  ...Object.fromEntries(['exec', 'run', 'port'].map((name) => [name, 1])),
  ...Object.fromEntries(
    'build create down events images kill logs pause ps pull restart rm start stop top unpause up wait'
      .split(' ')
      .map((name) => [name, Infinity]),
  ),
};
const COMPOSE_VALUES =
  /^(-e|-f|-n|-s|-t|-u|-w|--(entrypoint|env|file|format|index|name|since|signal|tail|timeout|until|user|workdir))$/;

/** What is checked: the names of all files and folders, the documents parsed, and a place for the faults. */
function readRepository(root) {
  const files = [];
  const folders = [];
  const walk = (folder) => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      if (NO_SOURCES.has(entry.name)) continue;
      const path = posix.join(folder, entry.name);
      if (entry.isDirectory()) {
        folders.push(path);
        walk(path);
      } else if (entry.isFile()) files.push(path);
    }
  };
  walk('');
  const read = (path) => readFileSync(join(root, path), 'utf8');
  const ignored = files.includes('.gitignore') ? read('.gitignore').split('\n').filter(Boolean) : [];
  const documents = files.filter((file) => file.endsWith('.md')).map((path) => parse(path, read(path)));
  return { root, files, folders, ignored, documents, read };
}

/** A document's links, code and anchors. */
function parse(path, text) {
  const tree = fromMarkdown(text);
  const slugger = new GithubSlugger();
  const [links, code, anchors] = [[], [], new Set()];
  visit(tree, (node) => {
    const line = node.position?.start.line ?? 1;
    if (node.type === 'heading') anchors.add(slugger.slug(toString(node)));
    if (node.type === 'inlineCode') code.push({ line, value: node.value, isInline: true });
    if (node.type === 'code')
      node.value.split('\n').forEach((value, i) => code.push({ line: line + 1 + i, value, isInline: false }));
    if (node.url !== undefined && ['link', 'image', 'definition'].includes(node.type))
      links.push({ line, url: node.url });
    if (node.type !== 'html') return;
    for (const [, url] of node.value.matchAll(/\b(?:href|src|srcset)="([^"]+)"/g)) links.push({ line, url });
    for (const [, name] of node.value.matchAll(/\b(?:id|name)="([^"]+)"/g)) anchors.add(name);
  });
  return { path, lines: text.replace(/\n$/, '').split('\n'), links, code, anchors };
}

/** Where a link of this document leads within the repository; undefined for other sites. */
function targetOf(document, url) {
  if (/^([a-z][a-z0-9+.-]*:|\/\/)/i.test(url)) return undefined;
  const [path, anchor] = decodeURIComponent(url).split('#');
  const from = path.startsWith('/') ? '' : posix.dirname(document.path);
  return { path: path === '' ? document.path : posix.join(from, path).replace(/\/$/, ''), anchor };
}

/** Files, folders and headings that links name. */
function* linkFaults({ files, folders, documents }) {
  for (const document of documents)
    for (const { line, url } of document.links) {
      const target = targetOf(document, url);
      if (!target) continue;
      const { path, anchor } = target;
      const at = `${document.path}:${line}`;
      if (path !== '.' && !files.includes(path) && !folders.includes(path)) {
        yield `${at}: the link to "${url}" points to a file that does not exist; correct the path`;
        continue;
      }
      const there = documents.find((each) => each.path === path);
      const isLine = /^L\d+(-L\d+)?$/.test(anchor ?? '') && files.includes(path);
      if (anchor && !isLine && !there?.anchors.has(anchor))
        yield `${at}: the link to "${url}" points to a heading that ${path} does not have; use one of its headings`;
    }
}

/** `npm run NAME` and `npm test` are scripts of package.json, and what follows `--` is in their help. */
function* npmFaults({ files, documents, read }) {
  const { scripts = {} } = files.includes('package.json') ? JSON.parse(read('package.json')) : {};
  const listedBy = ({ file, listed }) => [...read(file).matchAll(listed)].map(([, word]) => word);
  for (const { path, lines } of documents)
    for (const [i, text] of lines.entries()) {
      const at = `${path}:${i + 1}`;
      for (const [, named, own] of text.matchAll(/\bnpm (?:run(?:-script)?\s+([\w:.-]*[\w-])|(test|start)\b)/g)) {
        const name = named ?? own;
        if (!Object.hasOwn(scripts, name))
          yield `${at}: "npm run ${name}" is not a script of package.json; use one of its scripts`;
      }
      for (const [, name, rest] of text.matchAll(/\bnpm run (\w+)\s+--\s+([^`#&;|)"]*)/g)) {
        const rule = Object.hasOwn(ARGUMENTS, name) ? ARGUMENTS[name] : undefined;
        if (!rule || !files.includes(rule.file)) continue;
        const words = rest
          .trim()
          .split(/[\s=]+/)
          .filter(rule.checked);
        for (const word of words.filter((each) => !listedBy(rule).includes(each)))
          yield `${at}: "npm run ${name} -- ${word}" is not in the help of ${rule.file}; use what is listed there`;
      }
    }
}

/** The services that `docker compose` commands name are those of docker-compose.yml. */
function* composeFaults({ files, documents, read }) {
  if (!files.includes('docker-compose.yml')) return;
  const [, block = ''] = /^services:\n([\s\S]*?)(?=^\S)/m.exec(`${read('docker-compose.yml')}\nend`) ?? [];
  const services = [...block.matchAll(/^ {2}([\w-]+):/gm)].map(([, name]) => name);
  for (const { path, code } of documents)
    for (const { line, value } of code)
      for (const [, rest] of value.matchAll(/\bdocker compose ([^|;&)#<>\n]*)/g))
        for (const name of servicesIn(rest).filter((each) => !services.includes(each)))
          yield `${path}:${line}: "${name}" is not a service of docker-compose.yml; use one of ${services.join(', ')}`;
}

/** The names of services among the words of a command; what is a variable or a placeholder is left out. */
function servicesIn(command) {
  const [subcommand, ...words] = command.trim().split(/\s+/);
  let left = Object.hasOwn(COMPOSE_SERVICES, subcommand) ? COMPOSE_SERVICES[subcommand] : 0;
  const names = [];
  for (let i = 0; i < words.length && left > 0; i++) {
    if (words[i] === '--scale') names.push(words[++i]?.split('=')[0] ?? '');
    else if (COMPOSE_VALUES.test(words[i])) i++;
    else if (!words[i].startsWith('-')) {
      names.push(words[i]);
      left--;
    }
  }
  return names.filter((name) => /^[a-z][\w-]*$/.test(name));
}

/** Paths in backticks exist: from the root, from the document, or as the end of a path. `*` stands for any name. */
function* pathFaults({ files, folders, ignored, documents }) {
  const all = [...files, ...folders];
  const tops = new Set(folders.filter((folder) => !folder.includes('/')));
  const isThere = (path, from) => {
    const escape = (text) => text.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '[^/]*');
    const [pattern, here] = [new RegExp(`(^|/)${escape(path)}$`), posix.join(from, path)];
    return all.some((each) => each === here || pattern.test(each));
  };
  for (const { path: document, code } of documents)
    for (const { line, value, isInline } of code) {
      const path = value.replace(/(:\d+|#.*)$/, '').replace(/\/$/, '');
      const looksLikeOne =
        /^[\w.@*-]+(\/[\w.@*-]+)+$/.test(path) && (EXTENSION.test(path) || tops.has(path.split('/')[0]));
      // Packages, placeholders and what is made while programs run.
      if (!isInline || !looksLikeOne || /^@|^node_modules\/|\bNAME\b/.test(path)) continue;
      if (ignored.some((each) => `${path}/`.startsWith(each.replace(/^\/|\/?$/g, '').concat('/')))) continue;
      const source = path.replace(/\/dist(?=\/|$)/, '/src').replace(/(?<=\/src\/.*)\.js$/, '.ts');
      if (!isThere(path, posix.dirname(document)) && !isThere(source, posix.dirname(document)))
        yield `${document}:${line}: the path \`${value}\` does not exist; correct it`;
    }
}

/** README.md is short and lists every document; working papers are not mentioned anywhere. */
function* overviewFaults({ root, files, documents, read }) {
  const readme = documents.find(({ path }) => path === 'README.md');
  if (!readme) return yield 'README.md:1: the file is missing; write it';
  if (readme.lines.length > README_LINES)
    yield `README.md:${README_LINES + 1}: it has ${readme.lines.length} lines; the limit is ${README_LINES}, so move something to docs/`;
  const linkedFrom = (page) =>
    page.links.flatMap(({ url }) => targetOf(page, url)?.path ?? []).flatMap((path) => [path, `${path}/README.md`]);
  for (const { path } of documents) {
    const isDocument = path.startsWith('docs/') || path.endsWith('/README.md');
    const index =
      documents.find((each) => each.path === `${posix.dirname(path)}/README.md` && each.path !== path) ?? readme;
    const pages = path.endsWith('/README.md') ? [readme] : [readme, index];
    if (isDocument && !pages.some((page) => linkedFrom(page).includes(path)))
      yield `${path}:1: ${pages.at(-1).path} has no link to it; add one there`;
  }
  for (const file of files.filter((each) => statSync(join(root, each)).size < 2_000_000)) {
    const text = read(file);
    for (const paper of FOREIGN_PAPERS.filter((name) => text.includes(name)))
      for (const [i, line] of text.split('\n').entries())
        if (line.includes(paper))
          yield `${file}:${i + 1}: ${paper} is not in this repository; refer to docs/architecture.md`;
  }
}

const root = process.argv[2] ?? join(dirname(fileURLToPath(import.meta.url)), '..');
if (!existsSync(root)) {
  console.error(`There is no folder ${root}. Usage: node scripts/check-docs.mjs [FOLDER]`);
  process.exit(2);
}
const repository = readRepository(root);
const rules = [linkFaults, npmFaults, composeFaults, settingsFaults, pathFaults, overviewFaults];
const faults = rules.flatMap((rule) => [...rule(repository)]);
for (const fault of faults) console.error(fault);
if (faults.length > 0)
  console.error(`\n${faults.length} ${faults.length === 1 ? 'fault' : 'faults'} in the documents.`);
process.exitCode = faults.length > 0 ? 1 : 0;
