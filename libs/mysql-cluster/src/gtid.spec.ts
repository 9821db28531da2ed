// GTID sets: what MySQL prints is read, compared and joined right.
import { describe, expect, it } from '@jest/globals';
import { contains, GtidSet, GtidSyntaxError, union } from './gtid.js';

const A = '3e11fa47-71ca-11e1-9e33-c80aa9429562';
const B = '4e11fa47-71ca-11e1-9e33-c80aa9429562';

describe('GTID sets', () => {
  it('reads what MySQL prints: several sources, newlines, upper case, tags', () => {
    expect(GtidSet.parse('').isEmpty).toBe(true);
    expect(GtidSet.parse(' \n').isEmpty).toBe(true);
    expect(GtidSet.parse(`${A}:1-5:7,\n${B}:1`).toString()).toBe(`${A}:1-5:7,${B}:1`);
    expect(GtidSet.parse(`${A.toUpperCase()}:3`).toString()).toBe(`${A}:3`);
    expect(GtidSet.parse(`${A}:1-5:deploy:1-2:9:_x:4`).toString()).toBe(`${A}:1-5,${A}:_x:4,${A}:deploy:1-2:9`);
    expect(GtidSet.parse(`${A}:1-5:7, ${B}:1`).count).toBe(7n);
  });

  it('joins neighbours and overlaps, and takes a reversed interval for nothing, as MySQL does', () => {
    expect(GtidSet.parse(`${A}:4-5:1-3:7:2`).toString()).toBe(`${A}:1-5:7`);
    expect(GtidSet.parse(`${A}:5-3`).isEmpty).toBe(true);
    expect(GtidSet.parse(`${A}:1-2,${A}:3`).toString()).toBe(`${A}:1-3`);
  });

  it('refuses what is not a GTID set', () => {
    for (const text of ['x', A, `${A}:`, `${A}:0`, `${A}:1-`, `${A}:1_2`, `${A}:-3`, `${A.slice(1)}:1`, `${A}:Ä:1`])
      expect(() => GtidSet.parse(text)).toThrow(GtidSyntaxError);
  });

  it('knows what contains what', () => {
    expect(contains(`${A}:1-5`, '')).toBe(true);
    expect(contains('', `${A}:1`)).toBe(false);
    expect(contains(`${A}:1-5:7-9`, `${A}:2-3:8`)).toBe(true);
    expect(contains(`${A}:1-5:7-9`, `${A}:5-7`)).toBe(false);
    expect(contains(`${A}:1-5`, `${B}:1`)).toBe(false);
    expect(contains(`${A}:1-5`, `${A}:tag:1`)).toBe(false);
    expect(contains(`${A}:tag:1-5`, `${A}:tag:2`)).toBe(true);
    expect(contains(`${A}:1-9007199254740993`, `${A}:9007199254740993`)).toBe(true);
    expect(contains(`${A}:1-9007199254740992`, `${A}:9007199254740993`)).toBe(false);
  });

  it('knows what overlaps', () => {
    const overlaps = (a: string, b: string) => GtidSet.parse(a).overlaps(GtidSet.parse(b));
    expect(overlaps(`${A}:1-5:9`, `${B}:1,${A}:5-8`)).toBe(true);
    expect(overlaps(`${A}:5-8`, `${A}:1-9`)).toBe(true);
    expect(overlaps(`${A}:1-5:9`, `${A}:6-8,${B}:1`)).toBe(false);
    expect(overlaps(`${A}:1`, `${A}:tag:1`)).toBe(false);
    expect(overlaps('', `${A}:1`)).toBe(false);
  });

  it('joins sets', () => {
    expect(union(`${A}:1-3`, `${B}:1`, `${A}:4:9`)).toBe(`${A}:1-4:9,${B}:1`);
    expect(
      GtidSet.parse(`${A}:1-3`)
        .union(GtidSet.empty)
        .equals(GtidSet.parse(`${A}:1-3`)),
    ).toBe(true);
    expect(union()).toBe('');
  });
});
