// /api/notes: the notes of the signed-in user.
import {
  Body,
  Controller,
  Delete,
  Get,
  HttpCode,
  Param,
  Patch,
  Post,
  Put,
  Query,
  Req,
  Res,
  StreamableFile,
  UploadedFile,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import { FileInterceptor } from '@nestjs/platform-express';
import type { Request, Response } from 'express';
import { buffer } from 'node:stream/consumers';
import { CurrentUser } from '../auth/current-user.js';
import { SignedInGuard } from '../auth/signed-in.guard.js';
import type { SignedIn } from '../auth/signed-in.js';
import { Describe } from '../http/describe.js';
import { countsOnce } from '../routes/counts-once.js';
import { Limits, Repeatable } from '../routes/decorators.js';
import type { Note } from './note.entity.js';
import {
  newNote,
  noteChange,
  noteQuery,
  pictureRequestBytes,
  pictureUpload,
  type NewNote,
  type NoteChange,
  type NoteQuery,
} from './notes.schemas.js';
import {
  NotAPictureError,
  NoteNotFoundError,
  NotesService,
  TooManyNotesError,
  type NotePage,
} from './notes.service.js';

@Controller('api/notes')
@UseGuards(SignedInGuard)
export class NotesController {
  constructor(private readonly notes: NotesService) {}

  @Get()
  @Describe(
    'Lists the notes of the user, the newest first, 20 at a time',
    'The notes, and what to send as `after` for the next ones',
  )
  list(@CurrentUser() user: SignedIn, @Query({ schema: noteQuery }) query: NoteQuery): Promise<NotePage> {
    return this.notes.list(user.id, query);
  }

  @Post()
  @Describe('Adds a note', 'The note', [TooManyNotesError])
  @Repeatable()
  create(@CurrentUser() user: SignedIn, @Body({ schema: newNote }) input: NewNote): Promise<Note> {
    return this.notes.create(user.id, input);
  }

  @Get(':id')
  @Describe('Shows a note', 'The note', [NoteNotFoundError])
  show(@CurrentUser() user: SignedIn, @Param('id') id: string): Promise<Note> {
    return this.notes.find(user.id, id);
  }

  @Patch(':id')
  @Describe('Changes the title of a note, its body, or both', 'The note', [NoteNotFoundError])
  @Repeatable({ because: countsOnce.sameAgain })
  change(
    @CurrentUser() user: SignedIn,
    @Param('id') id: string,
    @Body({ schema: noteChange }) change: NoteChange,
  ): Promise<Note> {
    return this.notes.change(user.id, id, change);
  }

  @Delete(':id')
  @Describe('Deletes a note and its picture', 'Nothing', [NoteNotFoundError])
  @Repeatable()
  @HttpCode(204)
  remove(@CurrentUser() user: SignedIn, @Param('id') id: string): Promise<void> {
    return this.notes.remove(user.id, id);
  }

  /** Private, and shown as a picture only: a browser that is sent here runs nothing of it. */
  @Get(':id/picture')
  @Describe('Shows the picture of a note', { 200: 'The picture', 304: 'The browser has it already' }, [
    NoteNotFoundError,
  ])
  async picture(
    @CurrentUser() user: SignedIn,
    @Param('id') id: string,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<StreamableFile | undefined> {
    const { pictureHash } = await this.notes.find(user.id, id);
    if (pictureHash === null) throw new NoteNotFoundError();
    response.set({
      ETag: `"${pictureHash}"`,
      'Cache-Control': 'private, no-cache',
      'Content-Security-Policy': "default-src 'none'; sandbox",
      'X-Content-Type-Options': 'nosniff',
    });
    if (request.fresh) {
      response.status(304);
      return undefined;
    }
    const { type, content } = await this.notes.picture(user.id, id);
    return new StreamableFile(content, { type, length: content.length });
  }

  /** As the body, or as the field `picture` of a form. */
  @Put(':id/picture')
  @Describe(
    'Sets the picture of a note: PNG, JPEG, WebP or GIF, at most 5 MB, as the body or as the field `picture` of a form',
    'Nothing',
    [NoteNotFoundError, NotAPictureError],
  )
  @Repeatable({ because: countsOnce.sameAgain })
  @Limits({ body: pictureRequestBytes, time: 10_000 })
  @HttpCode(204)
  @UseInterceptors(FileInterceptor('picture', pictureUpload))
  async putPicture(
    @CurrentUser() user: SignedIn,
    @Param('id') id: string,
    @Req() request: Request,
    @UploadedFile() file?: { readonly buffer: Buffer },
  ): Promise<void> {
    await this.notes.putPicture(user.id, id, file?.buffer ?? (await buffer(request)));
  }
}
