// A request that is sent again counts once: an ordinary feature over two web servers and a real database.
import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Controller, Get, Module, Post, Res } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { ClusterUnavailableError } from '@roam/mysql-cluster';
import type { Response } from 'express';
import type { RowDataPacket } from 'mysql2';
import { randomUUID } from 'node:crypto';
import { createConnection, type Connection } from 'mysql2/promise';
import { setTimeout as sleep } from 'node:timers/promises';
import supertest from 'supertest';
import { Repeatable, Stream } from '../routes/decorators.js';
import { expiredRows } from '../tasks/expired-rows.js';
import { outcome, Site } from '../testing/site.js';
import { until } from '../testing/time.js';
import { during, OrdersModule, ordersTable } from './testing/orders.module.js';

jest.setTimeout(120_000);

const site = new Site([OrdersModule]);
let apps: NestExpressApplication[];
let direct: Connection;

beforeAll(async () => {
  await site.start();
  await site.cluster.write(ordersTable, []);
  apps = [site.app, await site.server({ SERVER_NAME: 'web2' })];
  direct = await createConnection(site.databases.nodes[0].adminUrl);
}, 180_000);
beforeEach(async () => {
  during.after = async () => undefined;
  during.runs = 0;
  await direct.query('DELETE FROM orders');
  await direct.query('DELETE FROM request_claims');
});
afterAll(async () => {
  await direct?.end();
  await site.stop();
});

/** A visitor whose proxy or program sends requests under ids; it repeats nothing by itself. */
const agent = (app = apps[0]) => supertest.agent(app.getHttpServer());
/** A server without a processor refuses what waited meanwhile. */
const isRefused = (_error: unknown, answer?: supertest.Response) => answer?.status === 503;
const newId = () => randomUUID();
interface Sent {
  readonly id?: string;
  readonly key?: string;
  readonly body?: object;
  readonly path?: string;
}
const order = (by: ReturnType<typeof agent>, { id = newId(), key, body = { item: 'book' }, path = '' }: Sent = {}) => {
  const request = by.post(`/api/orders${path}`).set('X-Request-Id', id).send(body);
  return key === undefined ? request : request.set('Idempotency-Key', key);
};
const rows = async () => {
  const [found] = await direct.query<(RowDataPacket & { item: string; note: string })[]>('SELECT * FROM orders');
  return found;
};
const claims = async () => (await direct.query<RowDataPacket[]>('SELECT * FROM request_claims'))[0];
/** The connections whose transactions have changed something. MySQL looks again 0.1 s after the last question. */
const openTransactions = async () => {
  await sleep(150);
  const [threads] = await direct.query<(RowDataPacket & { id: number })[]>(
    'SELECT trx_mysql_thread_id AS id FROM information_schema.innodb_trx WHERE trx_rows_modified > 0',
  );
  return threads.map(({ id }) => id);
};
const killTransactions = async () => {
  for (const id of await openTransactions()) await direct.query(`KILL ${id}`);
};

describe('a repeatable request', () => {
  it('is answered as the first time when it comes again, on any server, and runs once', async () => {
    const id = newId();
    const first = await order(agent(), { id });
    const again = await order(agent(apps[1]), { id });
    expect(first.status).toBe(201);
    const { id: number } = first.body as { id: number };
    for (const answer of [first, again]) {
      expect([answer.status, answer.body]).toEqual([201, { id: number, item: 'book 1', note: '' }]);
      expect(answer.headers).toMatchObject({
        location: `/api/orders/${number}`,
        'content-type': 'application/json; charset=utf-8',
        'cache-control': 'no-store',
      });
    }
    expect(during.runs).toBe(1);
    expect(await rows()).toHaveLength(1);
  });

  it('counts once when it comes twenty times at once, on two servers', async () => {
    during.after = () => sleep(300);
    const id = newId();
    const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => order(agent(apps[i % 2]), { id })));
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
    expect(answers[0].status).toBe(201);
    expect(await rows()).toHaveLength(1);
    expect(during.runs).toBe(1);
  });

  it('runs again, once, when the try that others waited for fails', async () => {
    during.after = async () => {
      await sleep(200);
      if (during.runs === 1) throw new Error('the first one fails');
    };
    const id = newId();
    const answers = await Promise.all(Array.from({ length: 10 }, (_, i) => order(agent(apps[i % 2]), { id })));
    expect(answers.map(({ status }) => status).sort()).toEqual([...Array<number>(9).fill(201), 500]);
    expect(during.runs).toBe(2);
    expect(await rows()).toMatchObject([{ item: 'book 2' }]);
  });

  it('is another one with another id, and without any', async () => {
    await order(agent());
    await order(agent());
    for (let i = 0; i < 2; i++) expect((await agent().post('/api/orders').send({ item: 'pen' })).status).toBe(201);
    expect(await rows()).toHaveLength(4);
  });

  it('counts once by the client’s key, under whatever ids of the proxy', async () => {
    const key = newId();
    const first = await order(agent(), { key });
    const again = await order(agent(apps[1]), { key: `"${key}"` });
    expect(again.body).toEqual(first.body);
    expect(await rows()).toHaveLength(1);
    expect(outcome(await order(agent(), { key: 'two words' }))).toEqual([400, 'invalid_idempotency_key']);
  });

  it('is another one of another user, and at another address', async () => {
    const [ann, bob] = [await site.registered(apps[0], 'Ann'), await site.registered(apps[0], 'Bob')];
    for (const { agent: each } of [ann, bob])
      expect((await each.post('/api/orders').set('Idempotency-Key', 'one').send({ item: 'book' })).status).toBe(201);
    const elsewhere = ann.agent.post('/api/orders/unique').set('Idempotency-Key', 'one').send({ item: 'book' });
    expect((await elsewhere).status).toBe(200);
    expect(await rows()).toHaveLength(4);
  });

  it('with the key of another request, is refused', async () => {
    const key = newId();
    await order(agent(), { key, body: { item: 'book' } });
    expect(outcome(await order(agent(), { key, body: { item: 'pen' } }))).toEqual([422, 'idempotency_key_reused']);
    expect(outcome(await order(agent(), { key, path: '?n=2' }))).toEqual([422, 'idempotency_key_reused']);
    expect(await rows()).toHaveLength(1);
  });

  it('leaves nothing when its handler fails, and runs again', async () => {
    during.after = () => Promise.reject(new Error('no'));
    const [id, visitor] = [newId(), agent()];
    const ordersOfSession = async () => (await visitor.get('/api/orders/session')).body as object;
    expect((await order(visitor, { id })).status).toBe(500);
    expect([await rows(), await claims(), await ordersOfSession()]).toEqual([[], [], { orders: 0 }]);
    during.after = async () => undefined;
    expect((await order(visitor, { id })).status).toBe(201);
    expect(await rows()).toMatchObject([{ item: 'book 2' }]);
    expect(await ordersOfSession()).toEqual({ orders: 1 });
  });

  it('leaves nothing when it puts into the session what that cannot hold, however often it comes', async () => {
    const [id, visitor] = [newId(), agent()];
    during.after = async ({ session }) => void (session!.basket = new Map([['book', 2]]));
    for (let i = 0; i < 2; i++) expect((await order(visitor, { id })).status).toBe(500);
    expect([await rows(), await claims()]).toEqual([[], []]);
    expect((await visitor.get('/api/orders/session')).body).toEqual({ orders: 0 });
  });

  it('leaves nothing when its server loses the connection before the commit, and runs again', async () => {
    during.after = async () => {
      during.after = async () => undefined;
      await killTransactions();
    };
    const visitor = agent();
    expect((await order(visitor)).status).toBe(201);
    expect(during.runs).toBe(2);
    expect(await rows()).toMatchObject([{ item: 'book 2' }]);
    expect((await visitor.get('/api/orders/session')).body).toEqual({ orders: 1 });
  });

  it('tells a duplicate key of its own from that of the claim', async () => {
    expect((await order(agent(), { path: '/unique', body: { item: 'a' } })).text).toBe('a');
    const id = newId();
    for (let i = 0; i < 2; i++)
      expect((await order(agent(), { id, path: '/unique', body: { item: 'a' } })).status).toBe(409);
    expect(during.runs).toBe(3);
    expect((await rows()).map(({ item }) => item)).toEqual(['before a 1', 'a']);
  });

  it('that waits for longer than its time is told to come again', async () => {
    const id = newId();
    let isOver = false;
    during.after = () => until(() => isOver);
    const first = order(agent(), { id }).then((answer) => answer);
    await until(() => during.runs === 1);
    const startedAt = performance.now();
    const { status, headers } = await order(agent(apps[1]), { id });
    expect([status, Number(headers['retry-after'])]).toEqual([503, expect.any(Number)]);
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    isOver = true;
    await first;
    await until(async () => (await openTransactions()).length === 0);
    expect([await rows(), await claims()]).toEqual([[], []]);
  });
});

describe('the session of a repeatable request', () => {
  const ordersOf = async (visitor: ReturnType<typeof agent>) =>
    ((await visitor.get('/api/orders/session')).body as { orders: number }).orders;

  it('is changed once', async () => {
    const [id, visitor] = [newId(), agent()];
    await order(visitor);
    for (let i = 0; i < 3; i++) await order(visitor, { id });
    expect(await ordersOf(visitor)).toBe(2);
  });

  it('is changed by the next try when the server dies between the two commits', async () => {
    const [id, key, visitor] = [newId(), newId(), agent()];
    await order(visitor);
    const failing = jest.spyOn(site.cluster, 'writeByKey').mockRejectedValue(new ClusterUnavailableError('lost', []));
    expect((await order(visitor, { id, key })).status).toBeGreaterThanOrEqual(500);
    failing.mockRestore();
    expect([(await rows()).length, await ordersOf(visitor)]).toEqual([2, 1]);
    expect((await order(visitor, { id, key })).status).toBe(201);
    expect([(await rows()).length, await ordersOf(visitor)]).toEqual([2, 2]);
    // The client itself, later on: the session has gone on.
    await order(visitor);
    await order(visitor, { key });
    expect(await ordersOf(visitor)).toBe(3);
  });
});

describe('the answer to a repeatable request', () => {
  const answers = async (kind: string) => {
    const id = newId();
    const first = await order(agent(), { id, path: `/${kind}/answers` });
    const again = await order(agent(), { id, path: `/${kind}/answers` });
    return [first, again];
  };

  it.each(['large', 'nothing'])('is kept: %s', async (kind) => {
    const [first, again] = await answers(kind);
    expect([again.status, again.text, again.type]).toEqual([first.status, first.text, first.type]);
    expect(first.status).toBe(201);
    expect(during.runs).toBe(1);
  });

  it.each([
    ['too-large', /the answer of a claimed request has 11\d{5} bytes, more than 1048576/],
    ['bytes', /a claimed handler returned a file, bytes or a stream/],
  ])('is refused: %s', async (kind, message) => {
    const [first] = await answers(kind);
    expect(first.status).toBe(500);
    expect(site.logged.join('\n')).toMatch(message);
    expect(await claims()).toEqual([]);
  });

  it('of a handler that sends it itself is refused at the start', async () => {
    @Controller('api/itself')
    class Itself {
      @Post()
      @Repeatable()
      send(@Res() response: Response): void {
        response.end();
      }
    }
    @Controller('api/bit-by-bit')
    class BitByBit {
      @Get()
      @Stream()
      @Repeatable()
      send(): string {
        return '';
      }
    }
    for (const controller of [Itself, BitByBit]) {
      @Module({ controllers: [controller] })
      class Feature {}
      await expect(site.server({}, [Feature])).rejects.toThrow(`${controller.name}.send is @Repeatable(), but it`);
    }
  });

  it('is deleted after an hour', async () => {
    expect((await order(agent().retry(5, isRefused))).status).toBe(201);
    const at = (ms: number) => expiredRows(site.cluster, () => Date.now() + ms).batch();
    await at(3_590_000);
    expect(await claims()).toHaveLength(1);
    await at(3_610_000);
    expect(await claims()).toEqual([]);
  });
});
