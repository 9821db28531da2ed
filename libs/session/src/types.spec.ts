// What TypeScript knows of a session: small sources, compiled as an app's would be.
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, it, jest } from '@jest/globals';
import ts from 'typescript';

jest.setTimeout(60_000);

const SOURCE = `
import { Session as NestSession } from '@nestjs/common';
import { sessionMiddleware, type Session, type SessionManager, type SessionRequest } from '@roam/session';
import '@roam/session/types';

declare module '@roam/session' {
  interface SessionData {
    userId: string;
    cart: { item: string; count: number }[];
  }
}

export function handle(request: Express.Request, manager: SessionManager) {
  sessionMiddleware(manager)({} as SessionRequest, {} as never, () => undefined);
  const session = request.session!;
  session.userId = 'user-1';
  const user: string | undefined = session.userId;
  const count: number | undefined = session.cart?.[0]?.count;
  delete session.cart;
  session.notDeclared = [user, count];
  const id: string | undefined = request.sessionID;
  const ends: Promise<void> = session.destroy();
  return [id, ends, session.cookie.maxAge, session.info.expiresAt];
}

export class Controller {
  show(@NestSession() session: Session): string | undefined {
    return session.userId;
  }
}

export function mistakes(request: Express.Request, session: Session) {
  request.session.userId = 'user-1'; // WRONG: it may have been destroyed
  session.userId = 1; // WRONG
  session.cart = [{ item: 'tea' }]; // WRONG
  const user: string = session.userId; // WRONG: it may be missing
  const other: string = session.notDeclared; // WRONG: unknown
  session.id = 'mine'; // WRONG
  session.save = 'a value'; // WRONG
  return [user, other];
}
`;

/** Line by line, what the compiler says of this file of an app. */
let errors: Map<number, string>;

beforeAll(() => {
  const folder = dirname(fileURLToPath(import.meta.url));
  const path = join(folder, 'an-app.ts');
  const read = (name: string) => (name === path ? SOURCE : ts.sys.readFile(name));
  const { config } = ts.readConfigFile(join(folder, '../../../tsconfig.json'), read) as {
    config: { compilerOptions: object };
  };
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, folder);
  const host = ts.createCompilerHost(options);
  host.readFile = read;
  host.fileExists = (name) => name === path || ts.sys.fileExists(name);
  host.getSourceFile = (name, how) => ts.createSourceFile(name, read(name)!, how);
  const program = ts.createProgram([path], options, host);
  const file = program.getSourceFile(path)!;
  const found = [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)];
  errors = new Map(
    found.map(({ start, messageText }) => [
      file.getLineAndCharacterOfPosition(start!).line,
      ts.flattenDiagnosticMessageText(messageText, ' '),
    ]),
  );
});

const lines = SOURCE.split('\n').map((text, line) => ({ text: text.trim(), line }));

it.each(lines.filter(({ text }) => text.includes('// WRONG')))('refuses $text', ({ line }) => {
  expect(errors.get(line)).toBeDefined();
});

it('accepts everything else', () => {
  const right = lines.filter(({ text }) => !text.includes('// WRONG'));
  expect(right.filter(({ line }) => errors.has(line)).map(({ text, line }) => [text, errors.get(line)])).toEqual([]);
});
