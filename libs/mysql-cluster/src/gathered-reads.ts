// Reads by key that arrive in the same turn of the event loop, as one statement to their node.
import type { RowDataPacket } from 'mysql2';
import { rowsOf, type StatementResult } from './connection.js';
import { Gathering, type Member } from './gathering.js';
import type { KeyedSelect, Parameter, Statement } from './types.js';

/** The numbers of keys that a statement is prepared for; what is between them is filled up with the last key. */
const SIZES = [1, 2, 4, 8, 16, 32];
const LARGEST = 32;

type Select = KeyedSelect<RowDataPacket>;
/** The row of a key, if there is one. */
type Rows = RowDataPacket[];
type Read = Member<Parameter, Rows>;

/** See `Cluster.readByKey`. */
export class GatheredReads extends Gathering<Select, Parameter, Rows> {
  protected take(_by: Select, waiting: Read[]): Read[] {
    return waiting.splice(0, LARGEST);
  }

  protected together(by: Select, batch: readonly Read[]): Statement {
    // Two readers of the same row share it.
    const parameters = [...new Map(batch.map(({ key, value }) => [key, value])).values()];
    const size = SIZES.find((each) => each >= parameters.length)!;
    while (parameters.length < size) parameters.push(parameters.at(-1)!);
    return { sql: by.sql(size), parameters };
  }

  protected alone(by: Select, value: Parameter): Statement {
    return { sql: by.sql(1), parameters: [value] };
  }

  protected answers(by: Select, batch: readonly Read[], result: StatementResult): Rows[] {
    const byKey = new Map(rowsOf(result).map((row) => [by.keyOf(row), row]));
    return batch.map(({ key }) => {
      const row = byKey.get(key);
      return row ? [row] : [];
    });
  }

  protected answerAlone(result: StatementResult): Rows {
    return rowsOf(result);
  }
}
