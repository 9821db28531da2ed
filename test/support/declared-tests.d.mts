// Types of declared-tests.mjs.

export interface DeclaredTest {
  readonly title: string;
  readonly file: string;
}

export function declaredTests(root?: string): readonly DeclaredTest[];
export function titlesIn(text: string): readonly string[];
