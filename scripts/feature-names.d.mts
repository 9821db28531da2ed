// Types of feature-names.mjs, for its test.

export interface FeatureNames {
  readonly one: readonly string[];
  readonly all: readonly string[];
}

export function namesOf(name: string, singular?: string): FeatureNames;
export function singularOf(name: string): string | undefined;
export function renamed(source: string, isTemplate: boolean, names: FeatureNames): string;
