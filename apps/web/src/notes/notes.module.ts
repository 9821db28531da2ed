// Notes, a feature shown whole: a table, the API, pages, pictures, and what the account's export and deletion take along.
import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Migrations } from '../database/migrations.js';
import { PagesModule } from '../pages/pages.module.js';
import { UsersModule } from '../users/users.module.js';
import { CreateNotes1763769600020 } from './migrations/create-notes.js';
import { Note, NotePicture } from './note.entity.js';
import { NotesController } from './notes.controller.js';
import { NotesPagesController } from './notes-pages.controller.js';
import { NotesService } from './notes.service.js';

@Migrations([CreateNotes1763769600020])
@Module({
  imports: [PagesModule, TypeOrmModule.forFeature([Note, NotePicture]), UsersModule],
  controllers: [NotesController, NotesPagesController],
  providers: [NotesService],
})
export class NotesModule {}
