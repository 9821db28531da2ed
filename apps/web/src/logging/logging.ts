// The log: one JSON object per line, with the server's name and the request's id, without secrets.
import type { Request } from 'express';
import type { Params } from 'nestjs-pino';
import { pino, type DestinationStream, type Logger, type LoggerOptions } from 'pino';
import type { Config } from '../config/config.js';

/** `destination` is for tests; the default is the standard output. */
export function rootLogger(config: Config, destination: DestinationStream = standardOutput()): Logger {
  const options: LoggerOptions = {
    base: { server: config.server.name },
    formatters: { level: (label) => ({ level: label }) },
    timestamp: pino.stdTimeFunctions.isoTime,
    serializers: { err: described },
    // The app logs none of these; the list protects against a careless log line.
    redact: [
      'password',
      '*.password',
      '*.passwordHash',
      'cookie',
      '*.cookie',
      '*.authorization',
      'headers',
      '*.headers',
      'req.body',
    ],
  };
  return pino(options, destination);
}

/**
 * If nothing can be written (a full disk), lines are lost and no request fails: without a listener each line would
 * throw.
 */
function standardOutput(): DestinationStream {
  const output = pino.destination(1);
  output.on('error', () => {
    // Otherwise it would retry without end when the process exits.
    output.flushSync = () => undefined;
  });
  return output;
}

/** One line per request when it ends. */
export function requestLogging(logger: Logger): Params {
  return {
    pinoHttp: {
      logger,
      genReqId: (request) => request.id,
      wrapSerializers: false,
      serializers: {
        req: (request: Request) => ({
          id: request.id,
          method: request.method,
          // Without the query: paths are logged, user input is not.
          path: request.originalUrl?.split('?')[0],
          ip: request.ip,
        }),
        res: (response: { statusCode: number }) => ({ statusCode: response.statusCode }),
        err: described,
      },
      // The error filter logs the error; here it would only be "status 503" with a stack.
      customErrorObject: (_request, _response, _error, { err: _err, ...rest }: Record<string, unknown>) => rest,
      customLogLevel: (_request, response, error) => (response.statusCode >= 500 || error ? 'warn' : 'info'),
    },
  };
}

/**
 * Of these errors only the message is logged. In an outage every request has one, and writing the stacks, causes
 * included, would cost more than refusing the request.
 */
const OUTAGES: readonly unknown[] = ['session_store_unavailable', 'cluster_unavailable'];

/** Any value can be thrown, even one whose properties throw: the log must not fail because of it. */
function described(error: unknown): object {
  try {
    return errorOnly(error);
  } catch {
    return { message: 'The thrown value cannot be described.' };
  }
}

/**
 * The parts of an error that help to find its cause. Database errors also carry the statement and its parameters: these
 * are left out.
 */
function errorOnly(error: unknown, withStack = true): object {
  if (!(error instanceof Error)) return { message: String(error) };
  const { code, errno, cause } = error as Error & { code?: unknown; errno?: unknown };
  const hasStack = withStack && !OUTAGES.includes(code);
  return {
    type: error.name,
    message: error.message,
    ...(code === undefined ? {} : { code }),
    ...(errno === undefined ? {} : { errno }),
    ...(hasStack && { stack: error.stack }),
    ...(cause === undefined ? {} : { cause: errorOnly(cause, hasStack) }),
  };
}

/** For command-line tools: warnings and errors only, on the error stream. */
export function quietLogger(): Logger {
  return pino({ level: 'warn', base: {} }, pino.destination(2));
}
