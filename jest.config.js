// How jest runs the specs: TypeScript through swc as ES modules, libs read from their source.
const shared = {
  testEnvironment: 'node',
  testEnvironmentOptions: { customExportConditions: ['@roam/source', 'node', 'node-addons'] },
  extensionsToTreatAsEsm: ['.ts'],
  // The cache holds a whole former release, whose packages have the same names.
  modulePathIgnorePatterns: ['<rootDir>/.roam/'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: {
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: false },
          target: 'es2023',
        },
        module: { type: 'es6' },
      },
    ],
  },
};

export default {
  reporters: ['default', './test/support/report-quoted-tests.mjs'],
  testSequencer: './test/support/sequencer.mjs',
  projects: [
    // No server needed: fast, run at every save.
    {
      ...shared,
      displayName: 'unit',
      testMatch: ['<rootDir>/{apps,libs}/**/src/**/*.spec.ts', '<rootDir>/test/**/*.spec.ts'],
      testPathIgnorePatterns: ['\\.(mysql|processes)\\.spec\\.ts$', '/dist/'],
    },
    // Libs across real processes, which run what was built.
    { ...shared, displayName: 'processes', testMatch: ['<rootDir>/{apps,libs}/**/src/**/*.processes.spec.ts'] },
    // Real MySQL servers, one stack per file.
    { ...shared, displayName: 'mysql', testMatch: ['<rootDir>/{apps,libs}/**/src/**/*.mysql.spec.ts'] },
    // Real MySQL, web servers, nginx and browser.
    { ...shared, displayName: 'e2e', testMatch: ['<rootDir>/test/**/*.e2e.ts'] },
    // Faults done to the whole stack under load: minutes each, so they are run by themselves.
    {
      ...shared,
      displayName: 'faults',
      testMatch: ['<rootDir>/test/faults/**/*.fault.ts', '<rootDir>/libs/**/src/**/*.fault.ts'],
    },
    // The same for an hour.
    { ...shared, displayName: 'soak', testMatch: ['<rootDir>/test/faults/**/*.soak.ts'] },
    // The stack of docker-compose.yml: needs Docker, so it is run by itself.
    { ...shared, displayName: 'compose', testMatch: ['<rootDir>/test/compose/**/*.compose.ts'] },
  ],
};
