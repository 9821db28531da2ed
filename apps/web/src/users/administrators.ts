// Who administers the site: at least one active account does, whatever others do at the same time.
import type { EntityManager } from 'typeorm';
import { takeTurn } from '../database/take-turn.js';

const ACTIVE = `deactivated_at IS NULL AND JSON_CONTAINS(roles, '"admin"')`;

/**
 * Whether this account is an active administrator, and another one is. Call it in the transaction that takes the right or the
 * account of one: until that ends, nobody else can.
 */
export async function administratorsBeside(
  id: string,
  manager: EntityManager,
): Promise<{ isOne: boolean; others: boolean }> {
  await takeTurn(manager, 'administrators');
  const rows = await manager.query<{ own: number }[]>(
    `(SELECT 1 AS own FROM users WHERE id = ? AND ${ACTIVE}) UNION ALL (SELECT 0 FROM users WHERE id <> ? AND ${ACTIVE} LIMIT 1)`,
    [id, id],
  );
  const has = (own: number) => rows.some((row) => Number(row.own) === own);
  return { isOne: has(1), others: has(0) };
}
