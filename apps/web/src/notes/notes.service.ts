// The notes of each user. Nothing here shows or changes a note of somebody else.
import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { createHash } from 'node:crypto';
import { LessThan, type EntityManager, type Repository } from 'typeorm';
import { Transactions } from '../database/transactions.js';
import { newId } from '../database/ids.js';
import { AppError, InvalidInputError, NotFoundError, NotSignedInError } from '../http/app.errors.js';
import { imageTypeOf } from '../http/image-type.js';
import { HoldsPersonalData, type Owner, type PersonalData } from '../users/personal-data.js';
import { UsersService } from '../users/users.service.js';
import { Note, NotePicture } from './note.entity.js';
import { maxNotes, pictureBytes, type NewNote, type NoteChange, type NoteQuery } from './notes.schemas.js';

export interface NotePage {
  /** The newest first. */
  readonly items: readonly Note[];
  /** What to ask for with `after` to get the next page; null on the last one. */
  readonly next: string | null;
}

/** There is none of this id, or it belongs to somebody else: nobody learns which. */
export class NoteNotFoundError extends NotFoundError {
  constructor() {
    super('This note does not exist or has been deleted.');
  }
}

export class TooManyNotesError extends AppError {
  readonly code = 'too_many_notes';
  readonly status = 409;

  constructor() {
    super(`You can keep at most ${maxNotes} notes. Please delete one first.`);
  }
}

/** A fault of the field of a form. */
export class NotAPictureError extends InvalidInputError {
  constructor(message = 'Choose a picture: PNG, JPEG, WebP or GIF.') {
    super({ picture: message });
  }
}

const pageSize = 20;
const uuid = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/;

@Injectable()
@HoldsPersonalData()
export class NotesService implements PersonalData {
  constructor(
    @InjectRepository(Note) private readonly notes: Repository<Note>,
    @InjectRepository(NotePicture) private readonly pictures: Repository<NotePicture>,
    private readonly users: UsersService,
    private readonly transactions: Transactions,
  ) {}

  async list(userId: string, { after }: NoteQuery = {}): Promise<NotePage> {
    const where = after === undefined ? { userId } : { userId, id: LessThan(after) };
    // One more than are shown tells whether there are more.
    const found = await this.transactions.statement(() =>
      this.notes.find({ where, order: { id: 'DESC' }, take: pageSize + 1 }),
    );
    const items = found.slice(0, pageSize);
    return { items, next: found.length > pageSize ? items[pageSize - 1].id : null };
  }

  /** @throws {NoteNotFoundError} */
  async find(userId: string, id: string): Promise<Note> {
    const where = own(userId, id);
    const note = await this.transactions.statement(() => this.notes.findOneBy(where));
    if (!note) throw new NoteNotFoundError();
    return note;
  }

  /**
   * A second run makes a second note: call it in a claimed handler.
   * @throws {TooManyNotesError}
   */
  create(userId: string, input: NewNote): Promise<Note> {
    const now = new Date();
    const note = this.notes.create({ id: newId(+now), userId, ...input, pictureHash: null, createdAt: now });
    return this.transactions.run(async (manager) => {
      // First: requests that add something to one account come one after the other, or two would take the last place.
      if (!(await this.users.takeTurn(userId, manager))) throw new NotSignedInError();
      if ((await manager.countBy(Note, { userId })) >= maxNotes) throw new TooManyNotesError();
      await manager.insert(Note, note);
      return note;
    });
  }

  /** May be repeated. @throws {NoteNotFoundError} */
  async change(userId: string, id: string, change: NoteChange): Promise<Note> {
    const where = own(userId, id);
    await this.transactions.statement(() => this.notes.update(where, change));
    return this.find(userId, id);
  }

  /** A second run finds nothing: call it in a claimed handler. @throws {NoteNotFoundError} */
  async remove(userId: string, id: string): Promise<void> {
    const where = own(userId, id);
    await this.transactions.run(async (manager) => {
      // First the note: whoever is about to put a picture to it waits, and then finds none.
      const { affected } = await manager.delete(Note, where);
      if (affected === 0) throw new NoteNotFoundError();
      await manager.delete(NotePicture, { noteId: id });
    });
  }

  /** May be repeated. @throws {NoteNotFoundError} @throws {NotAPictureError} */
  async putPicture(userId: string, id: string, content: Buffer): Promise<void> {
    const where = own(userId, id);
    if (content.length > pictureBytes) throw new NotAPictureError('Choose a picture of at most 5 MB.');
    const type = imageTypeOf(content);
    if (type === undefined) throw new NotAPictureError();
    const pictureHash = createHash('sha256').update(content).digest('base64url');
    await this.transactions.run(async (manager) => {
      const { affected } = await manager.update(Note, where, { pictureHash });
      if (affected === 0) throw new NoteNotFoundError();
      await manager.upsert(NotePicture, { noteId: id, userId, type, content }, ['noteId']);
    });
  }

  /** @throws {NoteNotFoundError} also for a note without one */
  async picture(userId: string, id: string): Promise<NotePicture> {
    const { id: noteId } = own(userId, id);
    const picture = await this.transactions.statement(() => this.pictures.findOneBy({ noteId, userId }));
    if (!picture) throw new NoteNotFoundError();
    return picture;
  }

  async exportOf({ id: userId }: Owner): Promise<{ notes: object[] }> {
    const notes = await this.transactions.statement(() => this.notes.find({ where: { userId }, order: { id: 'ASC' } }));
    return { notes: notes.map((note) => ({ ...note.toJSON(), picture: pictureOf(note) })) };
  }

  /** One by one: they are up to 500 MB. */
  async deleteMuchOf(userId: string): Promise<void> {
    const found = await this.transactions.statement(() =>
      this.pictures.find({ where: { userId }, select: { noteId: true } }),
    );
    for (const { noteId } of found) await this.transactions.statement(() => this.pictures.delete({ noteId }));
  }

  async deleteOf(userId: string, manager: EntityManager): Promise<void> {
    await manager.delete(Note, { userId });
    // Those that came meanwhile.
    await manager.delete(NotePicture, { userId });
  }
}

/** @throws {NoteNotFoundError} for an id that none can have */
function own(userId: string, id: string): { readonly userId: string; readonly id: string } {
  if (!uuid.test(id)) throw new NoteNotFoundError();
  return { userId, id };
}

/** Where the API has it. */
function pictureOf({ id, pictureHash }: Note): string | null {
  return pictureHash === null ? null : `/api/notes/${id}/picture`;
}
