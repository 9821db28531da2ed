// Finds the token of a form: in its header, in its parsed body, or among the fields of a form with files.
import busboy from 'busboy';
import type { Request } from 'express';
import { peekBody } from '../http/until-whole.js';

/** For scripts, which send no form. */
const header = 'x-csrf-token';
const field = '_csrf';

/**
 * A form with files is looked through before multer or a handler reads it, wherever in the form its token is; what is read
 * is put back. Undefined when there is none, or when the form is malformed.
 */
export async function formTokenOf(request: Request): Promise<string | undefined> {
  const { [field]: parsed } = (request.body ?? {}) as { [field]?: unknown };
  const given = request.get(header) ?? parsed;
  if (typeof given === 'string') return given;
  return request.is('multipart/form-data') && request.readable ? tokenAmongFields(request) : undefined;
}

function tokenAmongFields(request: Request): Promise<string | undefined> {
  return new Promise((resolve) => {
    let token: string | undefined;
    try {
      const parser = busboy({
        headers: request.headers,
        limits: { fieldSize: 1_024, fieldNameSize: 256, parts: 1_000 },
      });
      parser.on('field', (name, value) => {
        if (name === field) token ??= value;
      });
      // A form that breaks off ends its file with an error too, and may tell of more than one.
      parser.on('file', (_name, file) => file.on('error', () => undefined).resume());
      parser.on('error', () => resolve(undefined));
      parser.once('close', () => resolve(token));
      parser.end(peekBody(request));
    } catch {
      // Without a boundary, for example.
      resolve(undefined);
    }
  });
}
