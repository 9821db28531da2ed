// multer behind the session: the upload is read while the session is open, and the answer waits for the commit.
import express, { type ErrorRequestHandler, type Express } from 'express';
import multer, { memoryStorage, MulterError } from 'multer';
import { createHash } from 'node:crypto';
import { sessionMiddleware, type SessionManager } from '@roam/session';
import '@roam/session/types';

export const MOST_BYTES = 500_000;

interface Photo {
  readonly title: string;
  readonly name: string;
  readonly sha256: string;
}

export function photoUpload(sessions: SessionManager): Express {
  const app = express();
  app.use(sessionMiddleware(sessions));
  const upload = multer({
    storage: memoryStorage(),
    limits: { fileSize: MOST_BYTES },
    // As browsers encode the names of files.
    defParamCharset: 'utf8',
    // Called when the file begins; the session may be changed until the answer begins.
    fileFilter: ({ session }, _, accept) => {
      session!.begun = ((session!.begun as number | undefined) ?? 0) + 1;
      accept(null, true);
    },
  });
  app.post('/photos', upload.single('photo'), (request, response) => {
    const { title } = request.body as { title: string };
    const { originalname, buffer } = request.file!;
    const photo = { title, name: originalname, sha256: createHash('sha256').update(buffer).digest('hex') };
    const session = request.session!;
    session.photos = [...((session.photos as Photo[] | undefined) ?? []), photo];
    response.status(201).json(photo);
  });
  app.get('/photos', (request, response) => {
    const { photos = [], begun = 0 } = request.session as { photos?: Photo[]; begun?: number };
    response.json({ photos, begun });
  });
  const refused: ErrorRequestHandler = (error, _request, response, next) => {
    if (error instanceof MulterError) response.status(400).json({ error: error.code });
    else next(error);
  };
  app.use(refused);
  return app;
}
