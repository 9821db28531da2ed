// A feature beside the app's own brings all that belongs to it: nothing of the app names it.
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Controller, Get, Injectable, Module, UseGuards } from '@nestjs/common';
import { MysqlCluster } from '@roam/mysql-cluster';
import type { RowDataPacket } from 'mysql2';
import type { EntityManager } from 'typeorm';
import { CurrentUser } from './auth/current-user.js';
import { SignedInGuard } from './auth/signed-in.guard.js';
import type { SignedIn } from './auth/signed-in.js';
import { Migrations, migrationsOf } from './database/migrations.js';
import { migrations } from './features.js';
import { InNavigation, signedIn } from './pages/navigation.js';
import { Page } from './pages/page.js';
import { PagesModule } from './pages/pages.module.js';
import { Site } from './testing/site.js';
import { HoldsPersonalData, type Owner, type PersonalData } from './users/personal-data.js';

jest.setTimeout(60_000);

class CreateMemos9999999999999 {
  readonly name = 'CreateMemos9999999999999';
  async up(): Promise<void> {}
  async down(): Promise<void> {}
}

@Injectable()
@HoldsPersonalData()
class Memos implements PersonalData {
  constructor(private readonly cluster: MysqlCluster) {}

  async exportOf({ id }: Owner): Promise<{ memos: string[] }> {
    const rows = await this.cluster.read<RowDataPacket & { text: string }>(
      'SELECT text FROM test_memos WHERE user_id = ?',
      [id],
    );
    return { memos: rows.map(({ text }) => text) };
  }

  async deleteOf(userId: string, manager: EntityManager): Promise<void> {
    await manager.query('DELETE FROM test_memos WHERE user_id = ?', [userId]);
  }
}

@Controller('memos')
@InNavigation({ label: 'Memos', path: '/memos', isShownTo: signedIn })
class MemosController {
  @Get()
  @Page('pages/error', 'Memos')
  @UseGuards(SignedInGuard)
  show(@CurrentUser() { name }: SignedIn): object {
    // A template that shows one sentence.
    return { error: { status: 200, message: `The memos of ${name}.` } };
  }
}

@Migrations([CreateMemos9999999999999])
@Module({ imports: [PagesModule], controllers: [MemosController], providers: [Memos] })
class MemosModule {}

const site = new Site([MemosModule]);
beforeAll(() => site.start(), 180_000);
afterAll(() => site.stop());

describe('a feature', () => {
  it('brings its pages and their entry in the navigation, for whom it is', async () => {
    const { agent } = await site.registered();
    const { text } = await agent.get('/memos').expect(200);
    expect(text).toContain('The memos of Ann.');
    expect(text).toMatch(/href="\/memos">Memos<[^]*href="\/account">Account</);
    expect((await site.browser().get('/')).text).not.toContain('/memos');
    expect((await site.browser().get('/memos')).headers.location).toBe('/login?returnTo=%2Fmemos');
  });

  it('adds to the export of an account, and to its deletion', async () => {
    await site.cluster.write('CREATE TABLE test_memos (user_id CHAR(36) PRIMARY KEY, text VARCHAR(20) NOT NULL)', []);
    const [one, other] = [await site.registered(), await site.registered()];
    for (const { id } of [one, other]) await site.cluster.write('INSERT INTO test_memos VALUES (?, ?)', [id, 'milk']);
    expect((await one.agent.get('/api/account/export')).body).toMatchObject({
      account: { id: one.id },
      passkeys: [],
      sessions: [{ current: true }],
      memos: ['milk'],
    });
    const currentPassword = one.someone.password;
    await one.agent.delete('/api/account').send({ currentPassword }).expect(204);
    expect(await site.cluster.read('SELECT user_id AS id FROM test_memos', [])).toEqual([{ id: other.id }]);
  });

  it('adds its migrations after those of the app', () => {
    const { name } = CreateMemos9999999999999;
    expect(migrationsOf([MemosModule]).at(-1)?.name).toBe(name);
    const names = migrations.map((each) => each.name);
    expect(names).toEqual([...new Set(names)].toSorted(byTime));
    expect(names).toContain('CreateUsers1763769600000');
  });
});

const byTime = (a: string, b: string) => Number(/\d+$/.exec(a)![0]) - Number(/\d+$/.exec(b)![0]);
