// Connections to a node that answers when the test says so.
import type { AttemptDeadline } from '../budget.js';
import type { StatementResult } from '../connection.js';
import type { Connections, NextStatement } from '../gathering.js';
import type { Parameter } from '../types.js';

export interface Asked {
  readonly sql: string;
  readonly parameters: readonly Parameter[];
  /** Its last moment. */
  readonly end: number;
  answer(result: StatementResult): void;
  fail(error: Error): void;
}

export class PatientNode implements Connections {
  readonly asked: Asked[] = [];
  /** What waits for a connection, while there is none. */
  private lines: (() => void)[] | undefined;

  run(sql: string, parameters: readonly Parameter[], { hard }: AttemptDeadline): Promise<StatementResult> {
    return new Promise((answer, fail) => this.asked.push({ sql, parameters, end: hard, answer, fail }));
  }

  async runNext(next: () => NextStatement | undefined): Promise<StatementResult | undefined> {
    if (this.lines) await new Promise<void>((resolve) => this.lines!.push(resolve));
    const statement = next();
    return statement && this.run(statement.sql, statement.parameters, { soft: statement.end, hard: statement.end });
  }

  hasAnsweredSince = () => false;

  /** All connections are in use; returns how to give them back. */
  occupy(): () => void {
    this.lines = [];
    return () => {
      const lines = this.lines!;
      this.lines = undefined;
      for (const resolve of lines) resolve();
    };
  }
}
