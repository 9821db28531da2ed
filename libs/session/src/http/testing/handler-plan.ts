// Random handlers: each is a list of what handlers do to a response, as plain data that shrinks and can be printed.
import fc from 'fast-check';

/** A chunk as data: text, that many bytes, or what Node refuses. */
export type ChunkPlan = { text: string } | { bytes: number } | { refused: 'object' | 'null' | 'number' };
type Encoding = 'utf8' | 'latin1' | 'base64' | 'utf16le' | null;

export type Step =
  | { do: 'setHeader' | 'appendHeader'; name: string; value: string | string[] | number | undefined }
  | { do: 'setHeaders'; entries: [string, string][] }
  | { do: 'removeHeader'; name: string }
  | { do: 'statusCode'; value: number }
  | { do: 'statusMessage'; value: string }
  | { do: 'writeHead'; args: readonly unknown[] }
  | { do: 'write' | 'end'; chunk?: ChunkPlan; encoding: Encoding; callback: boolean }
  | { do: 'writeAndDrain'; bytes: number }
  | { do: 'pipe'; chunks: readonly string[]; end: boolean }
  | { do: 'addTrailers'; name: string; value: string }
  | { do: 'flushHeaders' | 'writeEarlyHints' | 'writeProcessing' | 'cork' | 'uncork' | 'strictContentLength' }
  | { do: 'destroy'; error: boolean }
  | { do: 'leave' | 'throw' | 'tick' | 'turn' | 'read' };

/** How the commit goes; with `none` there is nothing to commit. */
export const commits = ['none', 'fast', 'slow', 'failing'] as const;
export type Commit = (typeof commits)[number];

export interface Plan {
  readonly commit: Commit;
  readonly method: 'GET' | 'HEAD' | 'POST';
  readonly version: '1.0' | '1.1';
  /** Whether what a step throws ends the handler, as it does without a try. */
  readonly aborts: boolean;
  /** Whether the handler listens to the response's `error` event. */
  readonly listens: boolean;
  readonly steps: readonly Step[];
}

const headerName = fc.constantFrom('X-A', 'x-a', 'Content-Type', 'Set-Cookie', 'Cache-Control', 'Vary', 'Link');
const framing = fc.constantFrom('Content-Length', 'Transfer-Encoding', 'Connection', 'Trailer', 'Date', 'Keep-Alive');
const anyName = fc.oneof(
  { weight: 6, arbitrary: headerName },
  { weight: 2, arbitrary: framing },
  { weight: 1, arbitrary: fc.constantFrom('', 'a b', 'ü', 'Content-Disposition') },
);
const anyValue = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom<string | string[] | number>('1', 'close', 'chunked', 3, 'a=1', '0', 'x/y') },
  { weight: 2, arbitrary: fc.constantFrom<string | string[]>(['a=1', 'b=2'], ['c'], []) },
  { weight: 1, arbitrary: fc.constantFrom<string | undefined>('☃', 'a\r\nb: c', undefined, 'ü') },
);
const status = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(200, 201, 404, 500) },
  { weight: 2, arbitrary: fc.constantFrom(204, 304) },
  { weight: 1, arbitrary: fc.constantFrom(0, 42, 1000, Number.NaN) },
);
const message = fc.constantFrom('Fine', '', 'no ☃', 'a\r\nb');
const pairs = fc.array(fc.tuple(anyName, anyValue), { maxLength: 3 });
const headers = fc.oneof(
  pairs.map((list) => Object.fromEntries(list)),
  pairs.map((list) => list.flat()),
  pairs,
  fc.constant(['X-A']),
);
const chunk = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom<ChunkPlan>({ text: 'hello' }, { text: 'grüße ☃' }, { text: '' }) },
  { weight: 4, arbitrary: fc.constantFrom<ChunkPlan>({ bytes: 0 }, { bytes: 3 }, { bytes: 90_000 }) },
  { weight: 2, arbitrary: fc.constantFrom<ChunkPlan>({ text: 'YWJj' }, { text: 'ab' }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom<ChunkPlan>({ refused: 'object' }, { refused: 'null' }, { refused: 'number' }),
  },
);
// Without hex: a string of odd length ends the process in Node 20 itself, by an assertion in its native code.
const encoding = fc.constantFrom<Encoding>(null, null, null, 'utf8', 'latin1', 'base64', 'utf16le');
const callback = fc.boolean();

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom('setHeader', 'appendHeader'), name: anyName, value: anyValue }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('removeHeader'), name: anyName }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('setHeaders'),
      entries: fc.array(fc.tuple(headerName, fc.constantFrom('1', '2')), { maxLength: 3 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('statusCode'), value: status }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('statusMessage'), value: message }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('writeHead'),
      args: fc.oneof(
        fc.tuple(status),
        fc.tuple(status, message),
        fc.tuple(status, headers),
        fc.tuple(status, message, headers),
      ),
    }),
  },
  { weight: 7, arbitrary: fc.record({ do: fc.constant('write'), chunk, encoding, callback }) },
  {
    weight: 5,
    arbitrary: fc.record(
      { do: fc.constant('end'), chunk, encoding, callback },
      { requiredKeys: ['do', 'encoding', 'callback'] },
    ),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('writeAndDrain'), bytes: fc.constantFrom(10, 100_000) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('pipe'),
      chunks: fc.array(fc.constantFrom('one', 'two'), { maxLength: 3 }),
      end: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('addTrailers'),
      name: fc.constantFrom('X-T', 'a b'),
      value: fc.constantFrom('1', '☃'),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom(
        'flushHeaders',
        'writeEarlyHints',
        'writeProcessing',
        'cork',
        'uncork',
        'strictContentLength',
      ),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('leave', 'throw') }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('destroy'), error: fc.boolean() }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('tick', 'turn', 'read', 'read') }) },
);

export const plans: fc.Arbitrary<Plan> = fc.record({
  commit: fc.constantFrom(...commits),
  method: fc.constantFrom('GET', 'GET', 'GET', 'HEAD', 'POST'),
  version: fc.constantFrom('1.1', '1.1', '1.1', '1.0'),
  aborts: fc.boolean(),
  listens: fc.boolean(),
  steps: fc.array(step, { minLength: 1, maxLength: 12 }),
});
