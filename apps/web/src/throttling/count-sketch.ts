// Counts by key in a table of fixed size, whatever the number of keys: a count-min sketch.
import { createHmac, randomBytes } from 'node:crypto';

const ROWS = 4;
const COLUMNS = 2 ** 14;

/**
 * Each key has one cell per row, and its count is the smallest of them: never too low, and too high only where other keys
 * share all of its cells. Which cells those are is secret, so that nobody can fill another's. Takes 256 KiB.
 */
export class CountSketch {
  private readonly cells = new Uint32Array(ROWS * COLUMNS);
  private readonly secret = randomBytes(32);

  of(key: string): number {
    return Math.min(...this.cellsOf(key).map((cell) => this.cells[cell]));
  }

  /** Counts one. A cell that is ahead stays: it counts other keys too. */
  add(key: string): void {
    const count = this.of(key) + 1;
    for (const cell of this.cellsOf(key)) this.cells[cell] = Math.max(this.cells[cell], count);
  }

  clear(): void {
    this.cells.fill(0);
  }

  private cellsOf(key: string): number[] {
    const bits = createHmac('sha256', this.secret).update(key).digest();
    return Array.from({ length: ROWS }, (_, row) => row * COLUMNS + (bits.readUInt16LE(2 * row) % COLUMNS));
  }
}
