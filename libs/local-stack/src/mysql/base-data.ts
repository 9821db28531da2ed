// The empty data folder that every node begins with: initialised once per MySQL version, then copied.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { constants, cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { StackError } from '../errors.js';
import { commandLine, type Program } from '../programs/program.js';
import { cached } from '../system/cached.js';
import type { Progress } from '../types.js';

const run = promisify(execFile);

/** The cached folder, made in about 5 s when it is not there. */
export async function baseData(program: Program, progress: Progress): Promise<string> {
  const key = createHash('sha256')
    .update(JSON.stringify([program.command, program.version]))
    .digest('hex')
    .slice(0, 12);
  const dir = await cached(`mysql-data-${program.version}-${key}`, async (draft) => {
    progress(`preparing an empty MySQL ${program.version} data folder (once)`);
    const command = commandLine(program, [
      '--initialize-insecure',
      `--datadir=${join(draft, 'data')}`,
      '--innodb-redo-log-capacity=64M',
      '--innodb-buffer-pool-size=64M',
      ...(process.getuid?.() === 0 ? ['--user=root'] : []),
    ]);
    try {
      await run(command.file, [...command.args], { timeout: 120_000 });
    } catch (error) {
      throw new StackError(
        'start_failed',
        `${program.origin} could not initialize a data folder: ${(error as Error).message.slice(-2000)}`,
      );
    }
    // Each node makes its own: it holds the server's uuid.
    rmSync(join(draft, 'data', 'auto.cnf'), { force: true });
  });
  return join(dir, 'data');
}

/** Copies it, without copying blocks where the file system can share them. */
export function copyBaseData(base: string, target: string): void {
  cpSync(base, target, { recursive: true, mode: constants.COPYFILE_FICLONE });
}
