// Nest's files beside the session: FileInterceptor, StreamableFile and sendFile. SessionModule installs its middleware
// on every route, before guards and interceptors.
import {
  Body,
  Controller,
  Get,
  Inject,
  Module,
  NotFoundException,
  Param,
  Post,
  Res,
  Session as NestSession,
  StreamableFile,
  UploadedFile,
  UseInterceptors,
  type DynamicModule,
} from '@nestjs/common';
import { FileInterceptor } from '@nestjs/platform-express';
import type { Response } from 'express';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Session, SessionOptions } from '@roam/session';
import { SessionModule } from '@roam/session/nest';

const FOLDER = Symbol('folder');
const count = (session: Session, key: string) => (session[key] = ((session[key] as number | undefined) ?? 0) + 1);

@Controller()
class FilesController {
  constructor(@Inject(FOLDER) private readonly folder: string) {}

  @Post('photos')
  @UseInterceptors(FileInterceptor('photo', { limits: { fileSize: 500_000 }, defParamCharset: 'utf8' }))
  upload(
    @NestSession() session: Session,
    @UploadedFile() file: Express.Multer.File,
    @Body() { title }: { title: string },
  ) {
    const sha256 = createHash('sha256').update(file.buffer).digest('hex');
    return (session.photo = { title, name: file.originalname, sha256 });
  }

  @Get('stream/:name')
  async stream(@NestSession() session: Session, @Param('name') name: string): Promise<StreamableFile> {
    count(session, 'streamed');
    const path = join(this.folder, name);
    const found = await stat(path).catch(() => undefined);
    // What the session got before the error is kept, as in every answer.
    if (!found) throw new NotFoundException();
    return new StreamableFile(createReadStream(path), {
      type: 'text/plain',
      length: found.size,
      disposition: 'attachment',
    });
  }

  @Get('file/:name')
  file(@NestSession() session: Session, @Param('name') name: string, @Res() response: Response): void {
    count(session, 'sent');
    response.sendFile(name, { root: this.folder });
  }

  @Get('session')
  session(@NestSession() session: Session) {
    return session;
  }
}

@Module({ controllers: [FilesController] })
class FilesModule {}

export function nestFiles(options: SessionOptions, folder: string): DynamicModule {
  return {
    module: FilesModule,
    imports: [SessionModule.forRoot(options)],
    providers: [{ provide: FOLDER, useValue: folder }],
  };
}
