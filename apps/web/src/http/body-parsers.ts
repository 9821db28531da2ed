// Reads request bodies: JSON under /api, forms elsewhere, up to a size limit; refuses everything else with a reason.
import express, { type NextFunction, type Request, type RequestHandler, type Response } from 'express';
import { limits } from '../config/limits.js';
import { RequestError } from './app.errors.js';
import { isApi } from './request-context.js';

const writes = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);

export function bodyParsers(): RequestHandler {
  const json = express.json({ limit: limits.bodyBytes, inflate: false, type: 'application/json' });
  const form = express.urlencoded({ limit: limits.bodyBytes, inflate: false, extended: false });
  return (request: Request, response: Response, next: NextFunction) => {
    if (!writes.has(request.method) || !hasBody(request)) return next();
    const [parse, type] = isApi(request)
      ? ([json, 'application/json'] as const)
      : ([form, 'application/x-www-form-urlencoded'] as const);
    if (!request.is(type)) {
      return next(
        new RequestError(
          415,
          'unsupported_media_type',
          `The content type of the request body is not supported. Send it as ${type}.`,
        ),
      );
    }
    parse(request, response, (error?: unknown) => next(error === undefined ? undefined : refusal(error)));
  };
}

function hasBody(request: Request): boolean {
  return request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0;
}

/** The app's error for an error of body-parser. */
function refusal(error: unknown): unknown {
  const { type, status } = error as { type?: string; status?: number };
  switch (type) {
    case 'entity.parse.failed':
      return new RequestError(
        400,
        'malformed_json',
        'The request body is not valid JSON. Please correct it and send it again.',
      );
    case 'entity.too.large':
    case 'parameters.too.many':
      return new RequestError(
        413,
        'too_large',
        `The request body is too large. Send at most ${limits.bodyBytes} bytes and 1000 fields.`,
      );
    case 'charset.unsupported':
      return new RequestError(
        415,
        'unsupported_media_type',
        'The character set of the request body is not supported. Send it in UTF-8.',
      );
    case 'encoding.unsupported':
      return new RequestError(415, 'unsupported_media_type', 'The request body is compressed. Send it uncompressed.');
    default:
      if (status !== undefined && status < 500)
        return new RequestError(
          status,
          'bad_request',
          'The request body could not be read. Please send the request again.',
        );
      return error;
  }
}
