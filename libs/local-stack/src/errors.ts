// What can go wrong on the way to a running stack.

/** Thrown when the stack cannot be brought up; the message says what failed, where, and what would help. */
export class StackError extends Error {
  constructor(
    readonly code: 'program_missing' | 'port_in_use' | 'start_failed' | 'bad_options' | 'migration_failed',
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'StackError';
  }
}
