// The pages of the user's notes: the list with a form for a new one, and each note with a form to change it.
import { Body, Controller, Get, Param, Post, Query, UploadedFile, UseGuards, UseInterceptors } from '@nestjs/common';
import { FileInterceptor } from '@nestjs/platform-express';
import { CurrentUser } from '../auth/current-user.js';
import { SignedInGuard } from '../auth/signed-in.guard.js';
import type { SignedIn } from '../auth/signed-in.js';
import { InvalidInputError } from '../http/app.errors.js';
import { parsed } from '../http/validation.js';
import { FormGuard } from '../pages/form.guard.js';
import { InNavigation, signedIn } from '../pages/navigation.js';
import { refused, seeOther, type Form, type PageAnswer } from '../pages/page-answer.js';
import { Page } from '../pages/page.js';
import { countsOnce } from '../routes/counts-once.js';
import { Limits, Repeatable } from '../routes/decorators.js';
import { newNote, noteQuery, pictureRequestBytes, pictureUpload, type NoteQuery } from './notes.schemas.js';
import { NotesService, TooManyNotesError } from './notes.service.js';

@Controller('notes')
@InNavigation({ label: 'Notes', path: '/notes', isShownTo: signedIn })
export class NotesPagesController {
  constructor(private readonly notes: NotesService) {}

  @Get()
  @Page('notes/notes', 'Notes')
  @UseGuards(SignedInGuard)
  async list(@CurrentUser() user: SignedIn, @Query({ schema: noteQuery }) query: NoteQuery): Promise<PageAnswer> {
    return { form: {}, ...query, ...(await this.notes.list(user.id, query)) };
  }

  /** A form takes up to nine bytes for a character. */
  @Post()
  @Page('notes/notes', 'Notes')
  @Repeatable()
  @Limits({ body: 64 * 1024 })
  @UseGuards(FormGuard, SignedInGuard)
  async create(@CurrentUser() user: SignedIn, @Body() form: Form = {}): Promise<PageAnswer> {
    try {
      await this.notes.create(user.id, parsed(newNote, form));
    } catch (error) {
      if (!(error instanceof InvalidInputError || error instanceof TooManyNotesError)) throw error;
      return refused(error, { form: typed(form), ...(await this.notes.list(user.id)) });
    }
    return seeOther('/notes');
  }

  @Get(':id')
  @Page('notes/notes', 'Edit note')
  @UseGuards(SignedInGuard)
  async show(@CurrentUser() user: SignedIn, @Param('id') id: string): Promise<PageAnswer> {
    const note = await this.notes.find(user.id, id);
    return { note, form: note };
  }

  @Post(':id')
  @Page('notes/notes', 'Edit note')
  @Repeatable({ because: countsOnce.sameAgain })
  @Limits({ body: pictureRequestBytes, time: 10_000 })
  @UseGuards(FormGuard, SignedInGuard)
  @UseInterceptors(FileInterceptor('picture', pictureUpload))
  async change(
    @CurrentUser() user: SignedIn,
    @Param('id') id: string,
    @Body() form: Form = {},
    @UploadedFile() picture?: { readonly buffer: Buffer },
  ): Promise<PageAnswer> {
    try {
      const change = parsed(newNote, form);
      if (picture) await this.notes.putPicture(user.id, id, picture.buffer);
      await this.notes.change(user.id, id, change);
    } catch (error) {
      if (!(error instanceof InvalidInputError)) throw error;
      return refused(error, { note: await this.notes.find(user.id, id), form: typed(form) });
    }
    return seeOther('/notes');
  }

  @Post(':id/delete')
  @Repeatable()
  @Page('notes/notes', 'Notes')
  @UseGuards(FormGuard, SignedInGuard)
  async remove(@CurrentUser() user: SignedIn, @Param('id') id: string): Promise<PageAnswer> {
    await this.notes.remove(user.id, id);
    return seeOther('/notes');
  }
}

/** What the user has typed, for the same form again. */
function typed({ title, body }: Form): Form {
  const text = (value: unknown) => (typeof value === 'string' ? value : '');
  return { title: text(title), body: text(body) };
}
