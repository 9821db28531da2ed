// A note of a user, and its picture, which has a table of its own so that lists stay cheap.
import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { ascii } from '../database/columns.js';
import type { ImageType } from '../http/image-type.js';

@Entity('notes')
@Index('notes_user', ['userId', 'id'])
export class Note {
  /** Made by the web server, and in the order of time. */
  @PrimaryColumn({ type: 'char', length: 36, ...ascii })
  id!: string;

  @Column({ name: 'user_id', type: 'char', length: 36, ...ascii })
  userId!: string;

  @Column({ type: 'varchar', length: 200 })
  title!: string;

  @Column({ type: 'text' })
  body!: string;

  /** The hash of the picture; null without one. */
  @Column({ name: 'picture_hash', type: 'char', length: 43, nullable: true, ...ascii })
  pictureHash!: string | null;

  @Column({ name: 'created_at', type: 'datetime', precision: 3 })
  createdAt!: Date;

  /** What the API shows. */
  toJSON(): object {
    const { id, title, body, createdAt } = this;
    return { id, title, body, createdAt };
  }
}

@Entity('note_pictures')
export class NotePicture {
  @PrimaryColumn({ name: 'note_id', type: 'char', length: 36, ...ascii })
  noteId!: string;

  @Index('note_pictures_user')
  @Column({ name: 'user_id', type: 'char', length: 36, ...ascii })
  userId!: string;

  @Column({ type: 'varchar', length: 20, ...ascii })
  type!: ImageType;

  @Column({ type: 'mediumblob' })
  content!: Buffer;
}
