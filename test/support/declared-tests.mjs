// The tests that the sources declare: no comments, no skipped ones. Plain JavaScript, because jest's reporter reads it too.
import { readFileSync, readdirSync } from 'node:fs';
import { join, sep } from 'node:path';
import ts from 'typescript';

/** All tests and groups of tests below apps, libs and test, as `{ title, file }`. */
export function declaredTests(root = '.') {
  const files = ['apps', 'libs', 'test'].flatMap((folder) => testFilesBelow(root, folder));
  return files.flatMap((file) =>
    titlesIn(readFileSync(join(root, file), 'utf8')).map((title) => ({ title, file: file.replaceAll(sep, '/') })),
  );
}

/** The titles of one file, as written: `%s` of a table is not filled in. */
export function titlesIn(text) {
  const source = ts.createSourceFile('tests.ts', text, ts.ScriptTarget.Latest);
  const titles = [];
  const visit = (node) => {
    if (ts.isCallExpression(node)) {
      // The contract kit calls `it` of the runner that it is given.
      const name = nameOf(node.expression).replace(/^(kit|runner)\./, '');
      // What is skipped holds nothing that runs.
      if (/^(x(it|test|describe)|(it|test|describe)\..*\b(skip|todo|failing))\b/.test(name)) return;
      const [title] = node.arguments;
      if (/^(it|test|describe)(\.|$)/.test(name) && title && ts.isStringLiteralLike(title)) titles.push(title.text);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return titles;
}

/** `it.each` for `it.each(table)(title, test)`; for `(isPossible ? it : it.skip)(title, test)` what runs if possible. */
function nameOf(callee) {
  if (ts.isIdentifier(callee)) return callee.text;
  if (ts.isPropertyAccessExpression(callee)) return `${nameOf(callee.expression)}.${callee.name.text}`;
  if (ts.isCallExpression(callee)) return nameOf(callee.expression);
  if (ts.isTaggedTemplateExpression(callee)) return nameOf(callee.tag);
  if (ts.isParenthesizedExpression(callee) && ts.isConditionalExpression(callee.expression))
    return (
      [callee.expression.whenTrue, callee.expression.whenFalse].map(nameOf).find((name) => !/skip/.test(name)) ?? ''
    );
  return '';
}

function testFilesBelow(root, folder) {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return ['node_modules', 'dist'].includes(entry.name) ? [] : testFilesBelow(root, path);
    return /\.(spec|e2e|fault|soak|compose)\.ts$/.test(entry.name) || isShared(path) ? [path] : [];
  });
}

/** Tests that several files run. */
const isShared = (path) => path.split(sep).includes('contract') && path.endsWith('.ts');
