// Where a script is that a process of its own runs: plain Node can run the built one only, jest reads the source.
import { fileURLToPath } from 'node:url';

/** The path of the built file `name` beside `module`, also when that is read from the source. */
export function builtFile(name: string, module: string): string {
  return fileURLToPath(new URL(name, module)).replace(/([\\/]libs[\\/]session[\\/])src([\\/])/, '$1dist$2');
}
