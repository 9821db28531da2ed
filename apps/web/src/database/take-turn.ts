// Lets transactions with the same check run one after the other, on all web servers.
import type { EntityManager } from 'typeorm';

/**
 * Call it before the check, in the transaction that acts. Another transaction of this name waits for its end, or, on another
 * node of a group, is rolled back and runs again: both change the same row, which no lock of one node would show to the others.
 */
export async function takeTurn(manager: EntityManager, name: string): Promise<void> {
  await manager.query('INSERT INTO turns (name, taken) VALUES (?, 1) ON DUPLICATE KEY UPDATE taken = taken + 1', [
    name,
  ]);
}
