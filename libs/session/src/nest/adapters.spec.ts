// One Nest app over each of Nest's HTTP adapters: the sessions are the same.
import { Readable } from 'node:stream';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  Catch,
  Controller,
  Get,
  Header,
  HttpException,
  Module,
  Redirect,
  Res,
  Session as NestSession,
  Sse,
  StreamableFile,
  UseFilters,
  Version,
  VersioningType,
  type ArgumentsHost,
  type ExceptionFilter,
  type INestApplication,
  type MiddlewareConsumer,
  type NestModule,
} from '@nestjs/common';
import { AbstractHttpAdapter, HttpAdapterHost, NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Observable, of } from 'rxjs';
import { StoreUnavailableError } from '../core/errors.js';
import type { SessionOptions } from '../core/options.js';
import { Session } from '../core/session.js';
import type { SessionRequest } from '../http/middleware.js';
import '../fastify/index.js';
import { MemorySessionStore, SharedMemory } from '../methods/memory/memory-session-store.js';
import { requireCookieOfInject } from '../fastify/testing/inject-in-jest.js';
import { SessionModule } from './index.js';

@Catch(HttpException)
class CountingFilter implements ExceptionFilter {
  constructor(private readonly host: HttpAdapterHost) {}

  catch(error: HttpException, context: ArgumentsHost): void {
    const { session } = context.switchToHttp().getRequest<SessionRequest>();
    session!.failures = 1;
    this.host.httpAdapter.reply(context.switchToHttp().getResponse(), { failed: error.message }, error.getStatus());
  }
}

@Controller()
class Pages {
  @Get()
  count(@NestSession() session: Session) {
    session.count = ((session.count as number | undefined) ?? 0) + 1;
    return { count: session.count, isSession: session instanceof Session };
  }

  @Get('look')
  look(@NestSession() session: Session) {
    return { ...session };
  }

  @Get('plain')
  plain() {
    return 'plain';
  }

  @Get('seen')
  seen(@NestSession() session: Session) {
    return { byMiddleware: session.byMiddleware ?? null };
  }

  @Get('file')
  @Header('Set-Cookie', 'mine=1')
  file(@NestSession() session: Session) {
    session.file = 1;
    return new StreamableFile(Readable.from([Buffer.from('one '), Buffer.from('two')]));
  }

  @Sse('events')
  events(@NestSession() session: Session) {
    session.events = 1;
    return of({ data: 'first' }, { data: 'second' });
  }

  @Sse('endless')
  endless() {
    return new Observable((to) => to.next({ data: 'first' }));
  }

  @Get('old')
  @Redirect('look')
  old(@NestSession() session: Session) {
    session.old = 1;
  }

  @Get('throws')
  throws(@NestSession() session: Session) {
    session.tried = 1;
    throw new HttpException('on purpose', 418);
  }

  @Get('filtered')
  @UseFilters(CountingFilter)
  filtered() {
    throw new HttpException('on purpose', 418);
  }

  @Get('out')
  async out(@NestSession() session: Session, @Res({ passthrough: true }) _response: unknown) {
    await session.destroy();
    return 'out';
  }

  @Version('2')
  @Get('versioned')
  versioned(@NestSession() session: Session) {
    return { isSession: session instanceof Session };
  }
}

const memory = { shared: new SharedMemory() };

/** @param middleware whether it has middleware of its own, too */
function moduleWith(options: Partial<SessionOptions> = {}, middleware = true) {
  @Module({
    imports: [
      SessionModule.forRootAsync({
        useFactory: () => ({
          store: new MemorySessionStore(memory.shared),
          secrets: ['a secret of at least 32 characters'],
          secure: false,
          ...options,
        }),
      }),
    ],
    controllers: [Pages],
  })
  class AppModule implements NestModule {
    configure(consumer: MiddlewareConsumer): void {
      const note = (request: SessionRequest, _response: unknown, next: () => void) => {
        request.session!.byMiddleware = true;
        next();
      };
      if (middleware) consumer.apply(note).forRoutes('seen');
    }
  }
  return AppModule;
}

const adapters = { express: () => new ExpressAdapter(), fastify: () => new FastifyAdapter() };
const apps: INestApplication[] = [];

beforeEach(() => void (memory.shared = new SharedMemory()));
afterEach(async () => {
  for (const app of apps.splice(0)) await app.close();
});

async function newApp(
  adapter: AbstractHttpAdapter,
  options: Partial<SessionOptions> = {},
  module = moduleWith(options),
): Promise<INestApplication> {
  const app = await NestFactory.create(module, adapter, {
    logger: false,
    abortOnError: false,
    forceCloseConnections: true,
  });
  apps.push(app);
  return app;
}

async function urlOf(app: INestApplication): Promise<string> {
  await app.listen(0, '127.0.0.1');
  return app.getUrl();
}

const cookiesOf = (response: Response) =>
  response.headers
    .getSetCookie()
    .map((cookie) => cookie.split(';')[0])
    .join('; ');
const namesOf = (response: Response) => response.headers.getSetCookie().map((cookie) => cookie.split('=')[0]);

describe.each(Object.entries(adapters))('over %s', (_, newAdapter) => {
  it('@Session() is the session, on every server', async () => {
    const [one, two] = [await urlOf(await newApp(newAdapter())), await urlOf(await newApp(newAdapter()))];
    const first = await fetch(one);
    expect([await first.json(), namesOf(first)]).toEqual([{ count: 1, isSession: true }, ['sid', 'mark']]);
    const headers = { cookie: cookiesOf(first) };
    expect(await (await fetch(two, { headers })).json()).toEqual({ count: 2, isSession: true });
    expect(await (await fetch(`${two}/out`, { headers })).text()).toBe('out');
    expect(await (await fetch(`${one}/look`, { headers })).json()).toEqual({});
  });

  it("is there for Nest's middleware, which gets Node's own request", async () => {
    const url = await urlOf(await newApp(newAdapter()));
    expect(await (await fetch(`${url}/seen`)).json()).toEqual({ byMiddleware: true });
  });

  it('leaves an answer alone that was not made from it', async () => {
    const { headers } = await fetch(`${await urlOf(await newApp(newAdapter()))}/plain`);
    expect([headers.get('set-cookie'), headers.get('cache-control'), headers.get('vary')]).toEqual([null, null, null]);
  });

  it.each([
    ['file', 200, 'one two', { file: 1 }],
    ['events', 200, 'data: first', { events: 1 }],
    ['old', 302, '', { old: 1 }],
    ['throws', 418, 'on purpose', { tried: 1 }],
    ['filtered', 418, '{"failed":"on purpose"}', { failures: 1 }],
  ])('a handler of /%s has its changes committed before its answer', async (path, status, body, content) => {
    const url = await urlOf(await newApp(newAdapter()));
    const answer = await fetch(`${url}/${path}`, { redirect: 'manual' });
    const expected = [...(path === 'file' ? ['mine'] : []), 'sid', 'mark'];
    expect([answer.status, namesOf(answer), memory.shared.records.size]).toEqual([status, expected, 1]);
    expect(await answer.text()).toContain(body);
    const headers = { cookie: cookiesOf(answer) };
    expect(await (await fetch(`${url}/look`, { headers })).json()).toEqual(content);
  });

  it('replaces the answer when the commit fails', async () => {
    class FullStore extends MemorySessionStore {
      override create = () => Promise.reject(new StoreUnavailableError('on purpose'));
    }
    const url = await urlOf(await newApp(newAdapter(), { store: new FullStore() }));
    for (const path of ['', 'file', 'events', 'throws', 'filtered']) {
      const answer = await fetch(`${url}/${path}`);
      expect([path, answer.status, namesOf(answer)]).toEqual([path, 503, []]);
      expect(await answer.json()).toMatchObject({ error: { code: 'session_store_unavailable' } });
    }
  });

  it('ends an open stream of events when the session ends', async () => {
    const url = await urlOf(await newApp(newAdapter()));
    const headers = { cookie: cookiesOf(await fetch(url)) };
    const stream = await fetch(`${url}/endless`, { headers });
    const reading = stream.text();
    await fetch(`${url}/out`, { headers });
    await expect(reading).rejects.toThrow('terminated');
  });

  it.each<[string, (app: INestApplication) => unknown, string, Record<string, string>]>([
    ['a global prefix', (app) => app.setGlobalPrefix('api'), 'api', {}],
    ['a route without it', (app) => app.setGlobalPrefix('api', { exclude: ['/'] }), '', {}],
    ['versions in the path', (app) => app.enableVersioning({ type: VersioningType.URI }), 'v2/versioned', {}],
    [
      'versions in a header',
      (app) => app.enableVersioning({ type: VersioningType.HEADER, header: 'x-version' }),
      'versioned',
      { 'x-version': '2' },
    ],
  ])('is there with %s', async (__, prepare, path, headers) => {
    const app = await newApp(newAdapter());
    prepare(app);
    expect(await (await fetch(`${await urlOf(app)}/${path}`, { headers })).json()).toMatchObject({ isSession: true });
  });
});

describe('over fastify', () => {
  beforeAll(requireCookieOfInject);

  it('is there without middie, and in routes that are not of Nest', async () => {
    const adapter = new FastifyAdapter({ skipMiddie: true } as never);
    const app = (await newApp(adapter, {}, moduleWith({}, false))) as NestFastifyApplication;
    app
      .getHttpAdapter()
      .getInstance()
      .get('/own', async (request) => ({ isSession: request.session instanceof Session }));
    const url = await urlOf(app);
    for (const path of ['', 'own'])
      expect(await (await fetch(`${url}/${path}`)).json()).toMatchObject({ isSession: true });
  });

  it("takes https from Fastify's trustProxy", async () => {
    const app = await newApp(new FastifyAdapter({ trustProxy: '127.0.0.1' }), { secure: 'auto' });
    const headers = { 'x-forwarded-proto': 'https' };
    expect(namesOf(await fetch(await urlOf(app), { headers }))).toEqual(['__Host-sid', '__Host-mark']);
  });

  it('serves a test that calls app.inject', async () => {
    const app = (await newApp(new FastifyAdapter())) as NestFastifyApplication;
    await app.init();
    const first = await app.inject('/');
    expect(first.json()).toEqual({ count: 1, isSession: true });
    const cookies = Object.fromEntries(first.cookies.map(({ name, value }) => [name, value]));
    expect((await app.inject({ url: '/', cookies })).json()).toEqual({ count: 2, isSession: true });
  });
});

describe('an app that cannot have sessions', () => {
  class OtherAdapter extends ExpressAdapter {
    override getType(): string {
      return 'other';
    }
  }

  it.each<[string, () => AbstractHttpAdapter]>([
    ['needs the Express or the Fastify adapter, and this app\'s adapter is "other"', () => new OtherAdapter()],
    ['Sessions need HTTP/1.1', () => new FastifyAdapter({ http2: true } as never)],
  ])('does not start, and says why: %s', async (reason, newAdapter) => {
    const app = await newApp(newAdapter());
    await expect(app.init()).rejects.toThrow(reason);
  });

  it('does not start beside another plugin with sessions', async () => {
    const adapter = new FastifyAdapter();
    adapter.getInstance().decorateRequest('session', undefined);
    await expect((await newApp(adapter)).init()).rejects.toThrow('Another plugin of this Fastify');
  });
});
