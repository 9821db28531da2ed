// MySQL as the stores need it, and what its errors mean to them.
import type { RowDataPacket } from 'mysql2';
import { StoreUnavailableError } from '../../core/errors.js';

/** What the stores ask of the cluster; `MysqlCluster` of @roam/mysql-cluster is one. */
export interface SessionDatabase {
  /** See `Cluster.read` there. */
  read<T extends RowDataPacket>(
    sql: string,
    parameters: readonly Parameter[],
    options: { key: string; acceptable?: (rows: readonly T[]) => boolean; rounds?: number },
  ): Promise<T[]>;
  /** See `Cluster.write` there. */
  write(
    sql: string,
    parameters: readonly Parameter[],
    options: { key: string; everywhere?: boolean },
  ): Promise<{ affectedRows: number }>;
  /** See `Cluster.readAll` there. */
  readAll<T extends RowDataPacket>(sql: string, parameters: readonly Parameter[]): Promise<T[][]>;
}

/** The same, with reads and changes of single rows that go together, and with changes of several rows or none. */
export interface TransactionalDatabase extends SessionDatabase {
  /** See `Cluster.readByKey` there. */
  readByKey<T extends RowDataPacket>(
    select: { sql(count: number): string; keyOf(row: T): string },
    parameter: Parameter,
    options: { key: string; acceptable?: (rows: readonly T[]) => boolean; rounds?: number },
  ): Promise<T | undefined>;
  /** See `Cluster.writeByKey` there. */
  writeByKey<C>(
    update: KeyedUpdate<C>,
    change: C,
    options: { key: string },
  ): Promise<{ affectedRows: number; repeated: boolean }>;
  /** See `MysqlCluster.transaction` there. */
  transaction<T>(
    work: (transaction: DatabaseTransaction) => Promise<T>,
    options: { key: string; everywhere?: boolean },
  ): Promise<T>;
}

/** See `KeyedUpdate` there. */
export interface KeyedUpdate<C> {
  alone(change: C): Statement;
  together(changes: readonly C[]): Statement;
  bytesOf(change: C): number;
}

interface Statement {
  readonly sql: string;
  readonly parameters: readonly Parameter[];
}

export interface DatabaseTransaction {
  read<T extends RowDataPacket>(sql: string, parameters: readonly Parameter[]): Promise<T[]>;
  write(sql: string, parameters: readonly Parameter[]): Promise<{ affectedRows: number }>;
}

export type Parameter = string | number | boolean | null | Buffer;

/** A duplicate key is an answer; any other error of MySQL or the cluster means that it could not answer. */
export async function guard<T>(query: Promise<T>): Promise<T> {
  try {
    return await query;
  } catch (error) {
    if (isDuplicate(error)) throw error;
    throw new StoreUnavailableError(`MySQL could not answer: ${(error as Error).message}`, { cause: error });
  }
}

export function isDuplicate(error: unknown): boolean {
  return (error as { code?: string }).code === 'ER_DUP_ENTRY';
}
