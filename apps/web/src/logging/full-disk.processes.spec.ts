// A log that cannot be written loses its lines, and does not end the process.
import { expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** Writes to it fail as on a full disk. */
const full = '/dev/full';
const logging = pathToFileURL(join(process.cwd(), 'apps/web/dist/logging/logging.js')).href;
const script = `
  import { rootLogger } from '${logging}';
  const logger = rootLogger({ server: { name: 'web1' } });
  logger.info('a line');
  setTimeout(() => {
    logger.info('another one');
    console.error('lives');
    process.exit(0);
  }, 50);`;

(existsSync(full) ? it : it.skip)('lives on where its output is on a full disk', () => {
  const output = openSync(full, 'w');
  const args = ['--input-type=module', '--eval', script];
  const { status, stderr } = spawnSync(process.execPath, args, { stdio: ['ignore', output, 'pipe'], timeout: 30_000 });
  closeSync(output);
  expect([status, stderr.toString()]).toEqual([0, 'lives\n']);
});
