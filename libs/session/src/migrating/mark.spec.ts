// A mark of a server in the midst of a migration is read by those before and after it, and by nobody whose it is not.
import { describe, expect, it } from '@jest/globals';
import { MemorySessionStore } from '../methods/memory/memory-session-store.js';
import { ownMark } from '../port/store.js';
import { PlaceMarks } from './mark.js';

const of = (method: string) => ({ ...new MemorySessionStore().capabilities, method });

describe('the marks of a migration', () => {
  const marks = new PlaceMarks(of('file'), of('sync'));

  it('say of which place they are', () => {
    expect(marks.open(marks.seal({ old: '7' }))).toEqual({ old: '7' });
    expect(marks.open(marks.seal({ old: '7', new: '9' }))).toEqual({ new: '9' });
    expect(marks.open('7')).toBeUndefined();
  });

  it('are read by servers that know only that place, and by no others', () => {
    expect(ownMark(marks.seal({ old: '7' }), of('file'))).toBe('7');
    expect(ownMark(marks.seal({ new: '9' }), of('sync'))).toBe('9');
    expect(ownMark(marks.seal({ old: '7' }), of('sync'))).not.toBe('7');
    expect(ownMark('7', of('file'))).toBe('7');
  });

  it.each(['a b', 'file'])('tell two places apart also when a method is called "%s"', (method) => {
    const both = new PlaceMarks(of('file'), of(method));
    expect(both.open(both.seal({ old: '7' }))).toEqual({ old: '7' });
    expect(both.open(both.seal({ new: '9' }))).toEqual({ new: '9' });
    expect(both.seal({ new: '9' })).toMatch(/^[\w-]+$/);
  });
});
