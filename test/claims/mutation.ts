// A mutation: the smallest change of the code that takes back what docs/security.md says under a number.

export interface Mutation {
  /** The rows of docs/security.md that it takes back. */
  readonly numbers: readonly string[];
  /** The test that must fail, as each of these rows quotes it. */
  readonly test: string;
  /** The file that runs the test. */
  readonly in: string;
  readonly file: string;
  /** Stands exactly once in the file. */
  readonly replace: string;
  readonly by: string;
  /** Other tests of the same file that check the same thing. */
  readonly also?: readonly string[];
}

/** The mutations of one file that are shown by tests of one file. */
export function mutationsOf(
  file: string,
  shownIn: string,
  mutations: readonly Omit<Mutation, 'file' | 'in'>[],
): readonly Mutation[] {
  return mutations.map((mutation) => ({ ...mutation, file, in: shownIn }));
}
