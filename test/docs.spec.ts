// The check of the documents: each rule by a document that breaks it, and documents that break none.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { runNode } from './support/run.js';

jest.setTimeout(60_000);

const foreign = ['DESIGN', 'md'].join('.');

/** A repository in small, whose documents are in order. */
const sound: Readonly<Record<string, string>> = {
  '.gitignore': 'node_modules/\n/made/\n',
  'package.json': '{"scripts": {"demo": "", "test": "", "test:unit": "", "admin": "", "bench": ""}}',
  'apps/demo/src/flags.ts': 'export const HELP = `\n  --port P   a port\n  --kill     kill -9\n`;\n',
  'apps/demo/src/dev.ts': 'const port = Number(process.env.PORT ?? 3000);\n',
  'apps/web/src/admin.ts': '  grant EMAIL   make an administrator\n  end-all EMAIL   end all\n',
  'apps/web/src/config/settings-schema.ts': [
    'export const settingsSchema = z.object({',
    '  PORT: port(3000),',
    '  IDLE_SECONDS: seconds(1_800),',
    '  NAME: z.string().default(hostname),',
    '  URLS: z\n    .string({ error: required })\n    .pipe(list),',
    "  METHOD: z\n    .string()\n    .default('mysql'),",
    "  SHOW: flag('off'),",
    '});',
  ].join('\n'),
  'libs/mysql-cluster/src/group/config/settings.ts': "env.GROUP_USER ?? 'root'; secret('GROUP_PASSWORD');\n",
  'docker-compose.yml':
    'services:\n  web:\n    image: x:${X_TAG:-1@sha256:0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a}\n    ports: ["${HTTP_PORT:-8080}:80"]\n  nginx:\n    image: y\nvolumes:\n  data:\n',
  'docs/settings.md': [
    ...['# Settings', '## Web server', '', '| name | meaning | default |', '|---|---|---|'],
    ...['| `PORT` | a | `3000` |', '| `IDLE_SECONDS` | a | `1800` |', '| `NAME` | a | the host name |'],
    ...['| `URLS` | a | required |', '| `METHOD`, `SHOW` | a | `mysql`, `off` |', ''],
    ...['## Group keeper', '', '| name | default |', '|---|---|'],
    ...['| `GROUP_USER` | `root` |', '| `GROUP_PASSWORD` | required |', ''],
    ...['## Containers', '', '| name | default |', '|---|---|', '| `HTTP_PORT` | `8080` |', '| `X_TAG` | `1` |', ''],
    ...['## Development and tests', '', '| name | default |', '|---|---|', '| `PORT` | `3000` |', ''],
  ].join('\n'),
  'README.md': [
    '# A',
    '[settings](docs/settings.md), [guide](docs/guide.md#two-words-1), [decisions](docs/decisions/), [code](apps/web/src/admin.ts#L1)',
    '<a href="docs/settings.md#web-server">x</a> [site](https://example.org/none) [here](#a)',
  ].join('\n'),
  'docs/guide.md': [
    '## Two `words`\n\n## Two words\n\n[up](../README.md#a)',
    '`npm run demo -- --port 0 --kill`, `npm test -- a/b`, `npm run admin -- grant EMAIL`, npm run test:unit.',
    '`docker compose up --wait --scale web=5`, `docker compose exec -T web bash -c "x"`, `docker compose logs --tail 20 nginx`',
    '`apps/web/dist/admin.js`, `config/settings-schema.ts`, `apps/*/src/*.ts`, `@a/b.ts`, `made/x.json`, `/etc/x.conf`, `text/html`',
  ].join('\n'),
  'docs/decisions/README.md': '[one](0001-one.md)',
  'docs/decisions/0001-one.md': 'One.',
};

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'roam-docs-'));
});
afterEach(() => rmSync(root, { recursive: true }));

/** What the check says of these files. */
async function faultsIn(files: Readonly<Record<string, string>>): Promise<{ code: number | null; faults: string[] }> {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  const { code, stderr } = await runNode(['scripts/check-docs.mjs', root]);
  return { code, faults: stderr.split('\n').filter((line) => /^[\w./-]+:\d+: /.test(line)) };
}

/** The sound repository with one thing changed. */
function changed(path: string, from: string, to: string): Record<string, string> {
  expect(sound[path]).toContain(from);
  return { ...sound, [path]: sound[path].replace(from, to) };
}

describe('the check of the documents', () => {
  it('has nothing to say of documents that are in order', async () => {
    expect(await faultsIn(sound)).toEqual({ code: 0, faults: [] });
  });

  it('has nothing to say of the documents of this repository', async () => {
    expect(await runNode(['scripts/check-docs.mjs'])).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  const guide = (text: string) => ({ ...sound, 'docs/guide.md': `${sound['docs/guide.md']}\n\n${text}` });
  it.each<[string, Record<string, string>, ...string[]]>([
    [
      'a link to no file',
      guide('[x](missing.md)'),
      'docs/guide.md:10: the link to "missing.md" points to a file that does not exist',
    ],
    [
      'a link to no heading',
      guide('[x](../README.md#b)'),
      'docs/guide.md:10: the link to "../README.md#b" points to a heading',
    ],
    [
      'an image that is missing',
      guide('![x](images/x.png)'),
      'docs/guide.md:10: the link to "images/x.png" points to a file',
    ],
    ['a link in HTML to no file', guide('<img src="x.svg">'), 'docs/guide.md:10: the link to "x.svg" points to a file'],
    ['a script that does not exist', guide('`npm run init`'), 'docs/guide.md:10: "npm run init" is not a script'],
    ['that in a block', guide('```sh\nnpm run init\n```'), 'docs/guide.md:11: "npm run init" is not a script'],
    [
      'a flag of the demo',
      guide('`npm run demo -- --method x`'),
      'docs/guide.md:10: "npm run demo -- --method" is not',
    ],
    ['a command of admin', guide('`npm run admin -- ban EMAIL`'), 'docs/guide.md:10: "npm run admin -- ban" is not'],
    ['a service', guide('`docker compose stop db`'), 'docs/guide.md:10: "db" is not a service of docker-compose.yml'],
    ['a service to scale', guide('`docker compose up --scale app=2`'), 'docs/guide.md:10: "app" is not a service'],
    ['a path', guide('see `apps/web/src/none.ts`'), 'docs/guide.md:10: the path `apps/web/src/none.ts` does not exist'],
    ['a pattern', guide('see `docs/*.txt`'), 'docs/guide.md:10: the path `docs/*.txt` does not exist'],
    ['a working paper', guide(`see ${foreign}`), `docs/guide.md:10: ${foreign} is not in this repository`],
    [
      'a working paper in code',
      { ...sound, 'apps/web/src/a.ts': `\n// see ${foreign}\n` },
      `apps/web/src/a.ts:2: ${foreign} is not in this repository`,
    ],
    [
      'a README that is too long',
      changed('README.md', '# A', `# A${'\n'.repeat(130)}`),
      'README.md:131: it has 133 lines; the limit is 130',
    ],
    ['a page that nothing leads to', { ...sound, 'docs/new.md': '' }, 'docs/new.md:1: README.md has no link to it'],
    [
      'a README that nothing leads to',
      { ...sound, 'apps/web/README.md': '' },
      'apps/web/README.md:1: README.md has no link to it',
    ],
    [
      'a decision that is not in the index',
      { ...sound, 'docs/decisions/0002-two.md': '' },
      'docs/decisions/0002-two.md:1: docs/decisions/README.md has no link to it',
    ],
    [
      'a setting without a row',
      changed('docs/settings.md', '| `PORT` | a | `3000` |\n', ''),
      'docs/settings.md:1: PORT',
    ],
    [
      'a row without a setting',
      changed('docs/settings.md', '`NAME`', '`NAMES`'),
      'docs/settings.md:8: NAMES is not a setting of apps/web/src/config/settings-schema.ts',
      'docs/settings.md:1: NAME of apps/web/src/config/settings-schema.ts is not in the section "Web server"',
    ],
    [
      'another default',
      changed('docs/settings.md', '`1800`', '`900`'),
      'docs/settings.md:7: the default of IDLE_SECONDS is `1800` in apps/web/src/config/settings-schema.ts',
    ],
    [
      'one of two defaults',
      changed('docs/settings.md', '`off`', '`on`'),
      'docs/settings.md:10: the default of SHOW is `off`',
    ],
    [
      'a default of what is required',
      changed('docs/settings.md', '| `URLS` | a | required |', '| `URLS` | a | none |'),
      'docs/settings.md:9: URLS is required',
    ],
    [
      'a default where there is none',
      changed('docs/settings.md', '| required |\n\n', '| `secret` |\n\n'),
      'docs/settings.md:17: GROUP_PASSWORD has no fixed default',
    ],
    [
      'a default of compose',
      changed('docker-compose.yml', '8080', '80'),
      'docs/settings.md:23: the default of HTTP_PORT is `80` in docker-compose.yml',
    ],
    [
      'a default of the tools',
      changed('apps/demo/src/dev.ts', '3000', '4000'),
      'docs/settings.md:30: the default of PORT is `4000` in apps/demo/src/dev.ts',
    ],
    [
      'settings that have moved',
      changed('apps/web/src/config/settings-schema.ts', 'const settingsSchema', 'const other'),
      'docs/settings.md:1: no settings found for "Web server"',
    ],
  ])('finds %s', async (_what, files, ...expected) => {
    const { code, faults } = await faultsIn(files);
    expect(code).toBe(1);
    expect(faults).toEqual(expected.map((fault) => expect.stringContaining(fault)));
  });
});
