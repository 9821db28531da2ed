// Where a script is that a process of its own runs: plain Node can run the built one only, jest reads the source.
import { fileURLToPath } from 'node:url';

/** The URL of the built module `name` beside `module`, also when that is read from the source. */
export function builtModule(name: string, module: string): string {
  return new URL(name, module).href.replace(/(\/libs\/session\/)src\//, '$1dist/');
}

/** Its path. */
export function builtFile(name: string, module: string): string {
  return fileURLToPath(builtModule(name, module));
}
