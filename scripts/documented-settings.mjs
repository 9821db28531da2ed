// Compares the tables of docs/settings.md with the settings that the code reads: names and defaults.

const PAGE = 'docs/settings.md';

/** The sections of the page, with the files that read these settings and how to find them there. */
const SECTIONS = {
  'Web server': { files: /^apps\/web\/src\/config\/settings-schema\.ts$/, find: schemaSettings },
  'Group keeper': { files: /^libs\/mysql-cluster\/src\/group\/config\/settings\.ts$/, find: environmentSettings },
  Containers: { files: /^docker-compose\.yml$/, find: composeSettings },
  'Development and tests': {
    files: /^(apps\/demo\/src\/dev|libs\/local-stack\/src\/programs\/find|test\/faults\/[\w.-]+)\.ts$/,
    find: environmentSettings,
  },
};

/** A setting that the process does not start without. */
const REQUIRED = Symbol('required');

/** Yields one line per difference. */
export function* settingsFaults({ files, read }) {
  if (!files.includes(PAGE)) return;
  const rows = rowsOf(read(PAGE));
  for (const [section, { files: pattern, find }] of Object.entries(SECTIONS)) {
    const sources = files.filter((file) => pattern.test(file));
    const known = new Map(sources.flatMap((file) => [...find(read(file))]));
    const where = sources.length === 1 ? sources[0] : 'the code';
    const documented = rows.filter((row) => row.section === section);
    if (known.size === 0) {
      yield `${PAGE}:1: no settings found for "${section}"; tell scripts/documented-settings.mjs where they are read`;
      continue;
    }
    for (const { line, name, value, text } of documented) {
      const at = `${PAGE}:${line}`;
      if (!known.has(name)) yield `${at}: ${name} is not a setting of ${where}; remove the row or move it`;
      else yield* defaultFaults(at, name, known.get(name), value, text, where);
    }
    for (const name of known.keys())
      if (!documented.some((row) => row.name === name))
        yield `${PAGE}:1: ${name} of ${where} is not in the section "${section}"; add a row`;
  }
}

function* defaultFaults(at, name, known, value, text, where) {
  if (known === REQUIRED) {
    if (text !== 'required') yield `${at}: ${name} is required by ${where}; say "required" as its default`;
  } else if (known === undefined) {
    // What is computed, or has no default, is told in words.
    if (value !== undefined) yield `${at}: ${name} has no fixed default in ${where}; say "none", or what it is made of`;
  } else if (known !== value)
    yield `${at}: the default of ${name} is \`${known}\` in ${where}, not ${text}; correct it`;
}

/** The rows of the tables whose first column holds names in backticks. */
function rowsOf(page) {
  const rows = [];
  let section = '';
  let column = -1;
  for (const [i, line] of page.split('\n').entries()) {
    section = /^## (.+)$/.exec(line)?.[1].trim() ?? section;
    if (!line.startsWith('|')) continue;
    const cells = line
      .trim()
      .slice(1, -1)
      .split(/(?<!\\)\|/)
      .map((cell) => cell.trim());
    if (cells.some((cell) => cell.toLowerCase() === 'default'))
      column = cells.findIndex((cell) => cell.toLowerCase() === 'default');
    const names = [...cells[0].matchAll(/`([A-Z][A-Z0-9_]+)`/g)].map(([, name]) => name);
    const defaults = (cells[column] ?? '').split(names.length > 1 ? /,\s*/ : /$^/);
    for (const [n, name] of names.entries()) {
      const text = defaults[n] ?? '';
      rows.push({ section, line: i + 1, name, text, value: /^`([^`]*)`$/.exec(text)?.[1] });
    }
  }
  return rows;
}

/** The entries of the zod schema of a web server. */
function schemaSettings(source) {
  const [, block = ''] = /^export const settingsSchema = z\.object\(\{\n([\s\S]*?)^\}\);/m.exec(source) ?? [];
  return block.split(/^(?= {2}[A-Z])/m).flatMap((entry) => {
    const [, name, rule] = /^ {2}([A-Z][A-Z0-9_]+):([\s\S]*)$/.exec(entry) ?? [];
    if (name === undefined) return [];
    if (/\{ error: required \}/.test(rule)) return [[name, REQUIRED]];
    const [, inner] = /\.default\('([^']*)'\)/.exec(rule) ?? [];
    const [, short] = /^ (?:port|seconds|count|flag)\('?([\w.-]+)'?\)/.exec(rule) ?? [];
    return [[name, (inner ?? short?.replaceAll('_', '')) || undefined]];
  });
}

/** What is read as `env.NAME ?? default`, by `secret('NAME')`, or named as a `variable`. */
function environmentSettings(source) {
  const found = new Map();
  for (const [, name, text, number] of source.matchAll(
    /\benv\.([A-Z][A-Z0-9_]+)(?: \?\? (?:'([^']*)'|([\d_]+)(?=[),;\n])))?/g,
  )) {
    const value = (text ?? number?.replaceAll('_', '')) || undefined;
    found.set(name, found.get(name) ?? value);
  }
  for (const [, name] of source.matchAll(/\b(?:secret\(|variable: )'([A-Z][A-Z0-9_]+)'/g)) found.set(name, undefined);
  return found;
}

/** The digest that an image's tag is pinned to changes with each build of the image: the page names the tag. */
const DIGEST = /@sha256:[0-9a-f]{64}$/;

/** What docker-compose.yml takes from the environment; Docker itself reads `COMPOSE_…`. */
function composeSettings(source) {
  const found = [...source.matchAll(/\$\{([A-Z][A-Z0-9_]+):-([^}]*)\}/g)];
  return found
    .filter(([, name]) => !name.startsWith('COMPOSE_'))
    .map(([, name, value]) => [name, value.includes('$') ? undefined : value.replace(DIGEST, '') || undefined]);
}
