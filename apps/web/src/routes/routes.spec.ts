// What routes declare: collected as Nest registers it, found as Express finds it, and written down for nginx.
import { Controller, Get, Module, Post, Put, Sse, type Type } from '@nestjs/common';
import { WebSocketGateway } from '@nestjs/websockets';
import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import express from 'express';
import supertest from 'supertest';
import { limits } from '../config/limits.js';
import { collectRoutes, type Route } from './collect-routes.js';
import { Limits, NotRepeatable, Repeatable, Stream } from './decorators.js';
import { nginxInclude } from './nginx-include.js';
import { policyOf } from './policy.js';
import { RouteTable } from './route-table.js';
import { routesOfApp } from '../routes-of-app.js';

@Controller('reports')
class ReportsController {
  @Get()
  list(): void {}
  @Get('callback')
  @NotRepeatable()
  callback(): void {}
  @Get(':id')
  @Limits({ time: 8_000 })
  show(): void {}
  @Post()
  add(): void {}
  @Put([':id', ':id/copy'])
  @Repeatable()
  put(): void {}
}

@Controller(['feed', 'news'])
@Stream()
@Limits({ idle: 60_000 })
class FeedController {
  @Get('*rest')
  read(): void {}
  @Post('picture')
  @Limits({ body: 5_000_000 })
  upload(): void {}
}

@Module({ controllers: [FeedController] })
class FeedModule {}
@Module({ imports: [FeedModule], controllers: [ReportsController] })
class RootModule {}

const table = new RouteTable(collectRoutes(RootModule));
const ofApp = routesOfApp();
const of = (method: string, path: string) => table.policyOf(method, path);

describe('what a route allows', () => {
  it('is that a safe request may run again, and another one once, where nothing is declared', () => {
    expect(of('GET', '/reports')).toMatchObject({ isRepeatable: true, timeMs: limits.requestMs, isStream: false });
    expect(of('HEAD', '/elsewhere')).toMatchObject({ isRepeatable: true, isSafe: true });
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'PURGE'])
      expect(of(method, '/elsewhere')).toMatchObject({ isRepeatable: false, isSafe: false });
    expect(of('POST', '/reports')).toMatchObject({ isRepeatable: false, bodyBytes: limits.bodyBytes });
  });

  it('is what its handler declares, else what its controller does', () => {
    expect(of('PUT', '/reports/7')).toMatchObject({ isRepeatable: true, isSafe: false });
    expect(of('PUT', '/reports/7/copy')).toMatchObject({ isRepeatable: true });
    expect(of('GET', '/reports/callback')).toMatchObject({ isRepeatable: false, isSafe: false });
    expect(of('GET', '/reports/7')).toMatchObject({ isRepeatable: false, isSafe: true, timeMs: 8_000, idleMs: 8_100 });
    for (const prefix of ['feed', 'news']) {
      expect(of('HEAD', `/${prefix}/a/b`)).toMatchObject({ isStream: true, idleMs: 60_000 });
      expect(of('POST', `/${prefix}/picture`)).toMatchObject({
        isStream: true,
        bodyBytes: 5_000_000,
        takesEveryType: true,
      });
    }
  });

  it('cannot be repeatable and not, nor a limit of nothing', () => {
    class Contradicting {
      @Get('x')
      @Repeatable()
      @NotRepeatable()
      both(): void {}
    }
    Controller('c')(Contradicting);
    class Broken {}
    Module({ controllers: [Contradicting] })(Broken);
    expect(() => collectRoutes(Broken)).toThrow(
      'Contradicting.both: it is declared @Repeatable() and @NotRepeatable()',
    );
    expect(() => policyOf('GET', { limits: { time: 0 } })).toThrow('@Limits({ time: 0 })');
  });
});

describe('what stays open', () => {
  const routesOf = (provider: Type, controllers: Type[] = []) =>
    collectRoutes({ module: class {}, providers: [provider], controllers });

  it('is a stream without a declaration: events, and the handshakes of a gateway', () => {
    @WebSocketGateway({ path: 'api/chat' })
    class ChatGateway {}
    @Controller('news')
    class NewsController {
      @Sse('events')
      events(): void {}
    }
    const known = new RouteTable(routesOf(ChatGateway, [NewsController]));
    const { streamIdleMs, socketIdleMs } = limits;
    for (const [path, idleMs] of Object.entries({
      '/api/chat': socketIdleMs,
      '/api/chat/': socketIdleMs,
      '/news/events': streamIdleMs,
    }))
      expect([path, known.policyOf('GET', path)]).toMatchObject([
        path,
        { isStream: true, isSocket: idleMs === socketIdleMs, idleMs },
      ]);
    expect([...nginxInclude(known).values()][0]).toMatch(/\(\?:\/api\/chat\).* safe-idle-60000-socket;/);
    expect(collectRoutes({ module: class {}, providers: [{ provide: 'chat', useClass: ChatGateway }] })).toHaveLength(
      1,
    );
  });

  it('is refused where nginx would not find it', () => {
    @WebSocketGateway()
    class Nowhere {}
    expect(() => routesOf(Nowhere)).toThrow(
      "Nowhere has no path: give it one, such as @WebSocketGateway({ path: '/api/chat' })",
    );
    @WebSocketGateway(4000, { path: '/api/chat' })
    class Elsewhere {}
    expect(() => routesOf(Elsewhere)).toThrow('Elsewhere has a port of its own');
  });
});

describe('the table', () => {
  it('finds the route that Express finds, for generated routes and paths', async () => {
    let seed = 7;
    const below = (n: number) => (seed = (seed * 48_271) % 2_147_483_647) % n;
    const one = <T>(of: readonly T[]) => of[below(of.length)];
    const part = () => one(['a', 'b', 'a.b', ':x', ':y']);
    const path = () => `/${[...Array.from({ length: below(4) }, part), ...(below(8) ? [] : ['*rest'])].join('/')}`;
    for (let round = 0; round < 20; round += 1) {
      const paths = [...new Set(Array.from({ length: 12 }, path))];
      const routes = paths.map((each, i): Route => {
        const method = one(['GET', 'POST', 'ALL']);
        return {
          method,
          path: each,
          policy: policyOf(method, { limits: { time: i + 1 }, repeatable: below(2) === 0 }),
        };
      });
      const known = new RouteTable(routes);
      const app = express().set('case sensitive routing', true);
      for (const { method, path, policy } of routes) {
        const verb = method.toLowerCase() as 'get' | 'post' | 'all';
        app[verb](path, (_request, response) => void response.json(policy.timeMs));
      }
      const agent = supertest(app);
      for (let sent = 0; sent < 20; sent += 1) {
        const url = `/${Array.from({ length: below(4) }, () => one(['a', 'b', 'a.b', 'A', 'a%2fb', ''])).join('/')}`;
        if (url.startsWith('//')) continue;
        const method = one(['get', 'post'] as const);
        const { status, body } = (await agent[method](url)) as { status: number; body: unknown };
        const found = known.policyOf(method.toUpperCase(), url).timeMs;
        expect([url, found]).toEqual([url, status === 404 ? limits.requestMs : body]);
      }
    }
  });
});

describe("nginx's include", () => {
  it('is what the handlers of the app declare: run "npm run routes" if not', () => {
    for (const [name, content] of nginxInclude(new RouteTable(ofApp)))
      expect(readFileSync(new URL(`../../../../deploy/nginx/${name}`, import.meta.url), 'utf8')).toBe(content);
  });

  it('has a location of its own for each set of limits', () => {
    const [map, locations] = [...nginxInclude(table).values()];
    expect(map).toContain("'~^PUT (?:/reports/([^/]+)/copy)(?:/$)?$' repeatable;");
    expect(map).toContain("'~^(?:GET|HEAD) (?:/reports/([^/]+))(?:/$)?$' once-time-8000-idle-8100;");
    const upload = locations
      .split('location = ')
      .find((each) => each.startsWith('/.route/once-body-5000000-idle-60000-stream'));
    for (const line of ['client_max_body_size 5000000;', 'proxy_read_timeout 60000ms;', 'proxy_buffering off;'])
      expect(upload).toContain(line);
    for (const [, name] of map.matchAll(/ ([\w-]+);$/gm)) expect(locations).toContain(`location = /.route/${name} {`);
  });

  it("lets all of the app's own routes be repeated, but the demo's that kill and long ones", () => {
    const undeclared = ofApp.filter(({ policy }) => !policy.isRepeatable);
    expect(undeclared.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'GET /api/account/export',
      'GET /account/export',
      'POST /cluster',
    ]);
  });
});
