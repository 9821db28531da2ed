// The helper process of one mount: does the file operations that `Mount` asks for over IPC, where only it can hang.
import { Seal } from './sealed-file.js';
import { ForeignStoreError } from './store-folder.js';
import { VersionedFiles } from './versioned-files.js';

/** What the helper can be asked for. */
export type Operations = Pick<VersionedFiles, 'open' | 'probe' | 'read' | 'put' | 'remove' | 'scan' | 'tidy'>;

/** The first message. */
export interface Settings {
  readonly id: number;
  readonly dir: string;
  readonly keys: readonly string[];
}
export interface Ask {
  readonly id: number;
  readonly operation: keyof Operations;
  readonly args: readonly unknown[];
}
export type Tell =
  { readonly damaged: string } | { readonly id: number; readonly value?: unknown; readonly error?: Failure };
export interface Failure {
  readonly message: string;
  /** See `ForeignStoreError`. */
  readonly foreign?: boolean;
}

const tell = (message: Tell) => process.send?.(message);

// The server has ended, however that came about.
process.once('disconnect', () => process.exit(0));
process.once('message', ({ id, dir, keys }: Settings) => {
  const files: Operations = new VersionedFiles(dir, new Seal(keys), (damaged) => tell({ damaged }));
  process.on('message', ({ id, operation, args }: Ask) => {
    const run = files[operation].bind(files) as (...args: readonly unknown[]) => Promise<unknown>;
    run(...args).then(
      (value) => tell({ id, value }),
      (error: Error) => tell({ id, error: { message: error.message, foreign: error instanceof ForeignStoreError } }),
    );
  });
  tell({ id });
});
