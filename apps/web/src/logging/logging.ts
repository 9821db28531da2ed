// The log: one JSON object per line, with the server's name and the request's id, and never a secret.
import type { Request } from 'express';
import type { Params } from 'nestjs-pino';
import { pino, type DestinationStream, type Logger, type LoggerOptions } from 'pino';
import type { Config } from '../config/config.js';

/** `destination` is for tests; else it is the process's standard output. */
export function rootLogger(config: Config, destination: DestinationStream = standardOutput()): Logger {
  const options: LoggerOptions = {
    base: { server: config.server.name },
    formatters: { level: (label) => ({ level: label }) },
    timestamp: pino.stdTimeFunctions.isoTime,
    serializers: { err: described },
    // Nothing below logs these; this is for what somebody adds in haste.
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

/** Where nothing can be written (a full disk) lines are lost, and no request is: without a listener each line would throw. */
function standardOutput(): DestinationStream {
  const output = pino.destination(1);
  output.on('error', () => {
    // At the end of the process it would try for ever.
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
          // Without the query: addresses are logged, what people type is not.
          path: request.originalUrl?.split('?')[0],
          ip: request.ip,
        }),
        res: (response: { statusCode: number }) => ({ statusCode: response.statusCode }),
        err: described,
      },
      // The error filter logs what went wrong; here it would only be "status 503" with a stack.
      customErrorObject: (_request, _response, _error, { err: _err, ...rest }: Record<string, unknown>) => rest,
      customLogLevel: (_request, response, error) => (response.statusCode >= 500 || error ? 'warn' : 'info'),
    },
  };
}

/**
 * Of these the message tells all. In an outage every request has one, and to write its stack, with those of its causes, would
 * cost more than to refuse the request.
 */
const OUTAGES: readonly unknown[] = ['session_store_unavailable', 'cluster_unavailable'];

/** Anything can be thrown, also what throws when it is looked at: the log must not fail on it. */
function described(error: unknown): object {
  try {
    return errorOnly(error);
  } catch {
    return { message: 'What was thrown cannot be described.' };
  }
}

/** What helps to find a fault. Database errors also carry the statement and its parameters: those stay out. */
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

/** For command lines: only what somebody must know, on the error stream. */
export function quietLogger(): Logger {
  return pino({ level: 'warn', base: {} }, pino.destination(2));
}
