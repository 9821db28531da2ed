// What the site is made of: the bill of materials and its licences, what runs at an installation, and what is pinned.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { runNode } from './support/run.js';

interface Component {
  readonly 'bom-ref': string;
  readonly group?: string;
  readonly name: string;
  readonly version: string;
  readonly purl: string;
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[];
  readonly licenses: readonly { readonly expression?: string; readonly license?: { readonly id: string } }[];
}

interface Lock {
  readonly packages: Readonly<Record<string, { readonly version?: string; readonly hasInstallScript?: boolean }>>;
}

/** They ask for a notice at most, which each package brings along (SPDX identifiers). */
const allowed = new Set([
  'MIT',
  'MIT-0',
  'ISC',
  '0BSD',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'Python-2.0',
]);

/** Packages whose manifest names no licence, and where it stands instead. */
const elsewhere: Readonly<Record<string, string>> = {
  // Readme.md: "(The MIT License)".
  'pkg:npm/pause@0.0.1': 'MIT',
};

const dockerfiles = readdirSync('deploy')
  .map((folder) => `deploy/${folder}/Dockerfile`)
  .filter((file) => existsSync(file));

/** Whether one may use it by allowed licences alone. AND binds more than OR (SPDX 2.3, annex D). */
function isAllowed(expression: string): boolean {
  const alternatives = (text: string): boolean =>
    text.split(/ OR /i).some((all) => all.split(/ AND /i).every((id) => id === 'yes' || allowed.has(id.trim())));
  let rest = expression;
  for (let inner; (inner = /\(([^()]*)\)/.exec(rest));)
    rest = rest.replace(inner[0], alternatives(inner[1]) ? 'yes' : 'no');
  return alternatives(rest);
}

const licenceOf = ({ purl, licenses: [licence] }: Component) =>
  licence?.expression ?? licence?.license?.id ?? elsewhere[purl] ?? 'none';

/** The packages that may not be used, each with its licence. */
const forbidden = (components: readonly Component[]) =>
  components
    .filter(({ purl }) => !purl.startsWith('pkg:npm/%40roam/'))
    .map((component) => `${component.purl} ${licenceOf(component)}`)
    .filter((line) => !isAllowed(line.slice(line.indexOf(' ') + 1)));

describe('the bill of materials', () => {
  let bom: { bomFormat: string; metadata: { component: { name: string } }; components: Component[] };
  beforeAll(async () => {
    const { code, stdout, stderr } = await runNode(['scripts/sbom.mjs']);
    expect([code, stderr]).toEqual([0, '']);
    bom = JSON.parse(stdout) as typeof bom;
  });
  const names = () => bom.components.map(({ group, name }) => (group ? `${group}/${name}` : name));

  it('has what a web server runs, also what the tests use too, and nothing that is for development only', () => {
    expect([bom.bomFormat, bom.metadata.component.name]).toEqual(['CycloneDX', '@roam/web']);
    // Direct ones, one that only another one needs, and a workspace.
    for (const name of ['express', 'mysql2', '@nestjs/core', 'body-parser', '@roam/session'])
      expect(names()).toContain(name);
    for (const name of [
      'jest',
      'typescript',
      'eslint',
      '@babel/core',
      '@swc/core',
      'playwright-core',
      '@roam/local-stack',
    ])
      expect(names()).not.toContain(name);
  });

  it('names each package so that a scanner finds it, with the hash that the lock has', () => {
    const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as Lock;
    for (const { 'bom-ref': path, purl, version, hashes } of bom.components.filter(({ group }) => group !== '@roam')) {
      expect(purl).toMatch(/^pkg:npm\/(%40[\w.-]+\/)?[\w.-]+@\d+\.\d+\.\d+/);
      expect(version).toBe(packages[path].version);
      expect(hashes?.[0]).toEqual({ alg: 'SHA-512', content: expect.stringMatching(/^[0-9a-f]{128}$/) });
    }
  });

  it('has no package with a licence that asks for more than a notice', () => {
    expect(bom.components.length).toBeGreaterThan(100);
    expect(forbidden(bom.components)).toEqual([]);
  });
});

describe('a licence', () => {
  const a = (licence: string): Component => ({
    ...{ 'bom-ref': 'node_modules/a', name: 'a', version: '1.0.0', purl: 'pkg:npm/a@1.0.0' },
    licenses: licence ? [/[ (]/.test(licence) ? { expression: licence } : { license: { id: licence } }] : [],
  });

  it.each(['MIT', 'Apache-2.0 AND MIT', '(MIT OR GPL-3.0-only)', '(GPL-2.0-only OR (MIT AND ISC))'])(
    '%s is allowed',
    (licence) => {
      expect(forbidden([a(licence)])).toEqual([]);
    },
  );

  it.each(['GPL-3.0-only', 'AGPL-3.0-or-later', 'MIT AND GPL-2.0-only', '(MIT OR ISC) AND SSPL-1.0', 'UNLICENSED', ''])(
    '%s is not',
    (licence) => {
      expect(forbidden([a(licence)])).toEqual([`pkg:npm/a@1.0.0 ${licence || 'none'}`]);
    },
  );
});

describe('an installation', () => {
  it('runs no code of a package: npm is told so here and in every image', () => {
    expect(readFileSync('.npmrc', 'utf8')).toMatch(/^ignore-scripts=true$/m);
    const installs = dockerfiles.flatMap((file) => readFileSync(file, 'utf8').match(/npm (ci|install)\b.*/g) ?? []);
    expect(installs.length).toBeGreaterThan(2);
    expect(installs.filter((line) => !line.includes('--ignore-scripts'))).toEqual([]);
  });

  it('leaves nothing undone by that: no package of a web server has such code', async () => {
    const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as Lock;
    const { stdout } = await runNode(['scripts/sbom.mjs']);
    const { components } = JSON.parse(stdout) as { components: Component[] };
    expect(components.filter(({ 'bom-ref': path }) => packages[path]?.hasInstallScript)).toEqual([]);
  });
});

describe('the public workflow', () => {
  const workflow = readFileSync('.github/workflows/ci.yml', 'utf8');

  it('names each action by its commit, with the release in words, and gives it no right to write', () => {
    const actions = workflow.match(/uses: .*/g) ?? [];
    expect(actions.length).toBeGreaterThan(3);
    for (const action of actions) expect(action).toMatch(/^uses: [\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
    expect(workflow.match(/^permissions:\n {2}contents: read$/gm)).toHaveLength(1);
    expect(workflow).not.toMatch(/: write|pull_request_target/);
    expect(workflow.match(/actions\/checkout@.*\n\s+with: \{ persist-credentials: false \}/g)).toHaveLength(3);
  });

  it('checks the signatures of the packages, and keeps the bill of materials', () => {
    for (const step of ['npm audit signatures', 'npm run --silent sbom >sbom.cdx.json'])
      expect(workflow).toContain(`- run: ${step}\n`);
  });
});

describe('renovate.json', () => {
  interface Manager {
    readonly customType: string;
    readonly managerFilePatterns: readonly string[];
    readonly matchStrings: readonly string[];
    readonly depNameTemplate: string;
    readonly datasourceTemplate: string;
    readonly autoReplaceStringTemplate: string;
  }
  const config = JSON.parse(readFileSync('renovate.json', 'utf8')) as Record<string, unknown> & {
    customManagers: Manager[];
  };
  const files = ['docker-compose.yml', ...dockerfiles];
  const seen = config.customManagers.flatMap((manager) =>
    files
      .filter((file) => manager.managerFilePatterns.some((pattern) => new RegExp(pattern.slice(1, -1)).test(file)))
      .flatMap((file) =>
        [...readFileSync(file, 'utf8').matchAll(new RegExp(manager.matchStrings[0], 'g'))].map((match) => ({
          manager,
          file,
          match,
        })),
      ),
  );

  it('waits a week before a release is taken, but for one that mends a vulnerability', () => {
    expect(config).toMatchObject({
      extends: expect.arrayContaining([
        'config:recommended',
        'docker:pinDigests',
        'helpers:pinGitHubActionDigestsToSemver',
      ]),
      enabledManagers: ['npm', 'github-actions', 'custom.regex'],
      minimumReleaseAge: '7 days',
      internalChecksFilter: 'strict',
      vulnerabilityAlerts: { minimumReleaseAge: null },
    });
  });

  it('knows each image that is fetched', () => {
    const fetched = files.flatMap(
      (file) => readFileSync(file, 'utf8').match(/\b(?:MYSQL|NGINX|NODE)_TAG(?::-|=)/g) ?? [],
    );
    expect(seen.length).toBe(fetched.length);
    expect(new Set(seen.map(({ manager }) => manager.depNameTemplate))).toEqual(new Set(['mysql', 'nginx', 'node']));
    // Nothing else is fetched: each image is one of these or is built here.
    const images = files.flatMap((file) => readFileSync(file, 'utf8').match(/^(?:\s+image:|FROM) .*/gm) ?? []);
    for (const image of images) expect(image).toMatch(/_TAG|COMPOSE_PROJECT_NAME|^FROM manifests/);
  });

  it('finds its own pins again, and the tag before them', () => {
    const digest = `sha256:${'0a'.repeat(32)}`;
    for (const { manager, match } of seen) {
      const { autoReplaceStringTemplate: template, matchStrings } = manager;
      const pinned = template
        .replace('{{{newValue}}}', '1.2-x')
        .replace(/\{\{#if newDigest\}\}@.*\{\{\/if\}\}$/, `@${digest}`);
      expect(new RegExp(matchStrings[0]).exec(pinned)?.groups).toEqual({
        currentValue: '1.2-x',
        currentDigest: digest,
      });
      expect(match.groups!.currentValue).toMatch(/^\d/);
      expect([manager.customType, manager.datasourceTemplate]).toEqual(['regex', 'docker']);
    }
  });
});
