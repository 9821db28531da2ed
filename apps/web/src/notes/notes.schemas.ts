// The input about notes.
import { z } from 'zod';

/** The maximum number of notes of a user. It bounds what pictures take, too. */
export const maxNotes = 100;
const maxTitle = 200;
const maxBody = 4_000;

/** Bytes of a picture, and of a request that brings one: a form has its other fields beside it. */
export const pictureBytes = 5 * 1024 * 1024;
export const pictureRequestBytes = pictureBytes + 64 * 1024;
/** What a form with a picture may have in number: the form of a note has four fields. */
export const pictureUpload = { limits: { files: 1, fields: 10, parts: 11 } };

const title = z
  .string('Enter a title.')
  .trim()
  .min(1, 'Enter a title.')
  .max(maxTitle, `Enter a title of at most ${maxTitle} characters.`)
  .regex(/^\P{Cc}*$/u, 'The title contains characters that cannot be shown.');

const body = z
  .string('Enter a text.')
  // A form sends each end of a line as two characters, and its page counts one.
  .transform((text) => text.replaceAll('\r\n', '\n'))
  .pipe(z.string().max(maxBody, `Enter a text of at most ${maxBody} characters.`));

export const newNote = z.object({ title, body: body.default('') });
export type NewNote = z.output<typeof newNote>;

export const noteChange = z
  .object({ title: title.optional(), body: body.optional() })
  .refine((change) => Object.values(change).some((value) => value !== undefined), 'Send title, body or both.');
export type NoteChange = z.output<typeof noteChange>;

/** A page of the list: what comes after this id. */
export const noteQuery = z.object({ after: z.uuid('Must be the `next` of another page.').optional() });
export type NoteQuery = z.output<typeof noteQuery>;
