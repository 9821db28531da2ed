// A copy of the repository to break: mutations never touch the checkout.
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import ts from 'typescript';
import type { Mutation } from './mutation.js';

const NOT_COPIED = new Set(['node_modules', '.git', '.roam', 'coverage']);

export class Copy {
  /** Short, because MySQL's sockets lie below it. */
  readonly folder = mkdtempSync(join(tmpdir(), 'claims-'));

  /** @param root the checkout, built */
  constructor(root: string) {
    cpSync(root, this.folder, { recursive: true, filter: (path) => !NOT_COPIED.has(basename(path)) });
    const nested = ['apps', 'libs'].flatMap((kind) => readdirSync(join(root, kind)).map((name) => join(kind, name)));
    for (const part of nested) this.link(root, join(part, 'node_modules'));
    this.linkPackages(root);
    // What a machine without packages has downloaded.
    mkdirSync(join(this.folder, '.roam'), { mode: 0o700 });
    this.link(root, '.roam/cache');
  }

  /** Breaks the copy; the result mends it. @throws Error when the text does not stand exactly once in the file */
  apply({ file, replace, by }: Mutation): () => void {
    const text = readFileSync(join(this.folder, file), 'utf8');
    if (text.split(replace).length !== 2) throw new Error(`${file} does not contain exactly once: ${replace}`);
    // A function, because a replacement text gives $ a meaning.
    this.write(
      file,
      text.replace(replace, () => by),
    );
    return () => this.write(file, text);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }

  /** Also what is built from it: web servers run what is built. */
  private write(file: string, text: string): void {
    const path = join(this.folder, file);
    writeFileSync(path, text);
    const built = path.replace(/^(.*\/(?:apps|libs)\/[^/]+)\/src\//, '$1/dist/').replace(/\.ts$/, '.js');
    if (built === path || !existsSync(built)) return;
    writeFileSync(built, file.endsWith('.ts') ? compiled(text) : text);
  }

  /** The packages of the checkout, and our own ones from the copy. */
  private linkPackages(root: string): void {
    mkdirSync(join(this.folder, 'node_modules/@roam'), { recursive: true });
    for (const name of readdirSync(join(root, 'node_modules')))
      if (name !== '@roam') this.link(root, join('node_modules', name));
    for (const name of readdirSync(join(root, 'node_modules/@roam'))) {
      const kind = existsSync(join(root, 'apps', name)) ? 'apps' : 'libs';
      symlinkSync(join(this.folder, kind, name), join(this.folder, 'node_modules/@roam', name));
    }
  }

  private link(root: string, path: string): void {
    if (existsSync(join(root, path))) symlinkSync(resolve(root, path), join(this.folder, path));
  }
}

/** The JavaScript of one file, as the build writes it. */
function compiled(text: string): string {
  const { config } = ts.readConfigFile('tsconfig.json', (path) => ts.sys.readFile(path)) as { config: object };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, '.');
  const compilerOptions = { ...options, module: ts.ModuleKind.ESNext, sourceMap: false, declaration: false };
  return ts.transpileModule(text, { compilerOptions }).outputText;
}
