// What is taken for a note, and what is not.
import { describe, expect, it } from '@jest/globals';
import { newNote, noteChange, noteQuery } from './notes.schemas.js';

const faults = (schema: typeof newNote | typeof noteChange | typeof noteQuery, input: unknown) =>
  schema.safeParse(input).error?.issues.map(({ path, message }) => `${path.join()}: ${message}`);

describe('a new note', () => {
  it('has a title without spaces around it, and a text whose lines end in one way', () => {
    expect(newNote.parse({ title: ' Milk ', body: 'a\r\nb\n' })).toEqual({ title: 'Milk', body: 'a\nb\n' });
    expect(newNote.parse({ title: 'Milk' })).toEqual({ title: 'Milk', body: '' });
  });

  it('is refused with the fault of each field', () => {
    expect(faults(newNote, { title: ' ', body: 'x'.repeat(4_001) })).toEqual([
      'title: Enter a title.',
      'body: Enter a text of at most 4000 characters.',
    ]);
    expect(faults(newNote, { title: 'x'.repeat(201), body: 1 })).toEqual([
      'title: Enter a title of at most 200 characters.',
      'body: Enter a text.',
    ]);
    expect(faults(newNote, { title: 'a\nb' })).toEqual(['title: The title contains characters that cannot be shown.']);
  });

  it('counts an end of a line as the browser does, which shows it as one character', () => {
    const body = '\r\n'.repeat(4_000);
    expect(newNote.parse({ title: 'Milk', body }).body).toHaveLength(4_000);
  });
});

it('a change has a title, a text or both', () => {
  expect(noteChange.parse({ body: 'two litres' })).toEqual({ body: 'two litres' });
  expect(faults(noteChange, {})).toEqual([': Send title, body or both.']);
});

it('a page of the list comes after an id', () => {
  expect(noteQuery.parse({})).toEqual({});
  expect(faults(noteQuery, { after: "' OR 1=1" })).toHaveLength(1);
});
