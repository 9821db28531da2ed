// Types of quoted-tests.mjs.

/** Of jest's report. */
export interface ReportedTest {
  readonly title: string;
  readonly fullName: string;
  readonly ancestorTitles: readonly string[];
  readonly status: string;
}

export function quoted(page: string): readonly string[];
export function unproved(
  titles: readonly string[],
  results: readonly ReportedTest[],
  maySkip: boolean,
): readonly string[];
export function patternOf(title: string): string;
