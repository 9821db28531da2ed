// Reads request bodies: JSON under /api, forms elsewhere, up to a size limit; refuses everything else with a reason.
import express, { type NextFunction, type Request, type RequestHandler, type Response } from 'express';
import { RequestError } from './app.errors.js';
import { hasBody } from './has-body.js';
import { isApi } from './request-context.js';

const writes = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);

/** A route that declares a size of its own takes other types too, which its handler reads. */
export function bodyParsers(): RequestHandler {
  const parserOf = parsers();
  return (request: Request, response: Response, next: NextFunction) => {
    if (!writes.has(request.method) || !hasBody(request)) return next();
    const type = isApi(request) ? 'application/json' : 'application/x-www-form-urlencoded';
    if (request.is(type)) {
      const done = (error?: unknown) => next(error === undefined ? undefined : refusal(error, request));
      return parserOf(type, request.policy.bodyBytes)(request, response, done);
    }
    if (request.policy.takesEveryType) return next();
    next(
      new RequestError(
        415,
        'unsupported_media_type',
        `The content type of the request body is not supported. Send it as ${type}.`,
      ),
    );
  };
}

/** A parser for each type and limit: the routes declare a few. */
function parsers(): (type: string, limit: number) => RequestHandler {
  const made = new Map<string, RequestHandler>();
  return (type, limit) => {
    const key = `${type} ${limit}`;
    const known = made.get(key);
    if (known) return known;
    const options = { limit, inflate: false };
    const parser =
      type === 'application/json'
        ? express.json({ ...options, type })
        : express.urlencoded({ ...options, extended: false });
    made.set(key, parser);
    return parser;
  };
}

/** The app's error for an error of body-parser. */
function refusal(error: unknown, { policy }: Request): unknown {
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
        `The request body is too large. Send at most ${policy.bodyBytes} bytes and 1000 fields.`,
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
