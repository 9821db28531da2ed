// Notes through the API and the pages: what they promise to their owner, and what nobody else can do.
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { RowDataPacket } from 'mysql2';
import { randomUUID } from 'node:crypto';
import { DataSource } from 'typeorm';
import { gif, png } from '../testing/pictures.js';
import { outcome, Site } from '../testing/site.js';
import { NotesService } from './notes.service.js';
import { maxNotes, pictureBytes } from './notes.schemas.js';

jest.setTimeout(60_000);

interface Item {
  readonly id: string;
  readonly title: string;
  readonly body: string;
  readonly createdAt: string;
}
interface Page {
  readonly items: Item[];
  readonly next: string | null;
}

const site = new Site();
beforeAll(() => site.start(), 180_000);
afterAll(() => site.stop());

type Agent = ReturnType<typeof site.browser>['agent'];

const add = async (agent: Agent, title = 'Milk', body = '') =>
  (await agent.post('/api/notes').send({ title, body }).expect(201)).body as Item;
const list = async (agent: Agent, query = '') => (await agent.get(`/api/notes${query}`).expect(200)).body as Page;
const put = (agent: Agent, { id }: Item, content: Buffer, type = 'application/octet-stream') =>
  agent.put(`/api/notes/${id}/picture`).set('Content-Type', type).send(content);
const rowsOf = (table: string, userId: string) =>
  site.cluster.read<RowDataPacket>(`SELECT user_id FROM ${table} WHERE user_id = ?`, [userId]);

describe('the notes of a user', () => {
  it('are added, shown, changed and deleted', async () => {
    const { agent } = await site.registered();
    expect(await list(agent)).toEqual({ items: [], next: null });
    const note = await add(agent, '  Milk ', 'two\r\nlitres');
    expect(note).toEqual({
      id: expect.stringMatching(/^[\da-f]{8}-[\da-f]{4}-7/),
      title: 'Milk',
      body: 'two\nlitres',
      createdAt: expect.stringMatching(/^\d{4}-.*Z$/),
    });
    expect((await agent.get(`/api/notes/${note.id}`).expect(200)).body).toEqual(note);
    const changed = await agent.patch(`/api/notes/${note.id}`).send({ title: 'Oat milk' }).expect(200);
    expect(changed.body).toEqual({ ...note, title: 'Oat milk' });
    expect((await list(agent)).items).toEqual([changed.body]);
    await agent.delete(`/api/notes/${note.id}`).expect(204);
    expect(outcome(await agent.get(`/api/notes/${note.id}`))).toEqual([404, 'not_found']);
  });

  it('come in pages, the newest first, and none is missing or comes twice', async () => {
    const { agent } = await site.registered();
    for (let i = 0; i < 45; i++) await add(agent, `note ${i}`);
    const seen: Item[] = [];
    for (let after: string | null = ''; after !== null;) {
      const { items, next } = await list(agent, after && `?after=${after}`);
      seen.push(...items);
      // One that is added meanwhile changes no later page.
      if (seen.length === 20) await add(agent, 'meanwhile');
      after = next;
    }
    expect(seen.map(({ id }) => id)).toEqual(
      seen
        .map(({ id }) => id)
        .toSorted()
        .toReversed(),
    );
    expect(new Set(seen.map(({ title }) => title))).toEqual(new Set(Array.from({ length: 45 }, (_, i) => `note ${i}`)));
    expect(seen).toHaveLength(45);
  });

  it('are refused with a reason for each field', async () => {
    const { agent } = await site.registered();
    const { id } = await add(agent);
    for (const [answer, fields] of [
      [await agent.post('/api/notes').send({ title: ' ', body: 'x'.repeat(5_000) }), ['body', 'title']],
      [await agent.post('/api/notes').send({ title: 'a\u0000b' }), ['title']],
      [await agent.patch(`/api/notes/${id}`).send({}), ['body']],
      [await agent.get('/api/notes?after=1'), ['after']],
    ] as const) {
      expect(outcome(answer)).toEqual([422, 'invalid_input']);
      expect(Object.keys((answer.body as { error: { fields: object } }).error.fields).sort()).toEqual(fields);
    }
  });

  it('are nobody else’s: whatever another user sends is answered 404, as for a note that does not exist', async () => {
    const [owner, other] = [await site.registered(), await site.registered()];
    const note = await add(owner.agent);
    await put(owner.agent, note, png).expect(204);
    for (const id of [note.id, randomUUID(), 'é']) {
      const at = `/api/notes/${encodeURIComponent(id)}`;
      for (const request of [
        other.agent.get(at),
        other.agent.patch(at).send({ title: 'Mine' }),
        other.agent.delete(at),
        other.agent.get(`${at}/picture`),
        other.agent.put(`${at}/picture`).set('Content-Type', 'image/gif').send(gif),
      ])
        expect(outcome(await request)).toEqual([404, 'not_found']);
    }
    expect(await list(other.agent)).toEqual({ items: [], next: null });
    expect((await list(other.agent, `?after=${note.id}`)).items).toEqual([]);
    expect((await list(owner.agent)).items).toEqual([note]);
    expect((await owner.agent.get(`/api/notes/${note.id}/picture`)).body).toEqual(png);
    expect(outcome(await site.browser().get('/api/notes'))).toEqual([401, 'not_signed_in']);
  });

  it('are bounded in number, also when many come at once', async () => {
    const { agent, id } = await site.registered();
    const row = (i: number) => [`00000000-0000-7000-8000-${String(i).padStart(4, '0')}${id.slice(-8)}`, id];
    const rows = Array.from({ length: maxNotes - 2 }, (_, i) => row(i));
    await site.cluster.write(
      `INSERT INTO notes (id, user_id, title, body, created_at) VALUES ${rows.map(() => "(?, ?, 'x', '', NOW(3))").join()}`,
      rows.flat(),
    );
    const notes = site.app.get(NotesService);
    const source = site.app.get(DataSource);
    // As many connections as are used below: while one is opened, the others would have done all, one after the other.
    await Promise.all(Array.from({ length: 6 }, () => source.query('SELECT SLEEP(0.2)')));
    const made = await Promise.allSettled(
      Array.from({ length: 6 }, () => notes.create(id, { title: 'One', body: '' })),
    );
    expect(made.filter(({ status }) => status === 'fulfilled')).toHaveLength(2);
    expect(outcome(await agent.post('/api/notes').send({ title: 'One' }))).toEqual([409, 'too_many_notes']);
    expect(await rowsOf('notes', id)).toHaveLength(maxNotes);
  });

  it('count once when a request comes twice, with the same answer', async () => {
    const { agent, id } = await site.registered();
    const twice = async (send: () => ReturnType<Agent['post']>) => {
      const key = randomUUID();
      const answers = [await send().set('X-Request-Id', key), await send().set('X-Request-Id', key)];
      expect([answers[1].status, answers[1].text]).toEqual([answers[0].status, answers[0].text]);
      return answers[1];
    };
    const note = (await twice(() => agent.post('/api/notes').send({ title: 'Milk' }))).body as Item;
    expect(await rowsOf('notes', id)).toHaveLength(1);
    await twice(() => agent.patch(`/api/notes/${note.id}`).send({ title: 'Oat milk' }));
    expect((await twice(() => put(agent, note, png))).status).toBe(204);
    expect((await twice(() => agent.delete(`/api/notes/${note.id}`))).status).toBe(204);
  });
});

describe('the picture of a note', () => {
  it('is private, known again by its hash, and shown as a picture only', async () => {
    const { agent } = await site.registered();
    const note = await add(agent);
    const at = `/api/notes/${note.id}/picture`;
    expect(outcome(await agent.get(at))).toEqual([404, 'not_found']);
    await put(agent, note, png, 'text/html').expect(204);
    const first = await agent.get(at).expect(200);
    expect(first.body).toEqual(png);
    expect(first.headers).toMatchObject({
      'content-type': 'image/png',
      'content-length': String(png.length),
      'x-content-type-options': 'nosniff',
      'content-security-policy': "default-src 'none'; sandbox",
      'cache-control': 'private, no-cache',
      etag: expect.stringMatching(/^"[\w-]{43}"$/),
    });
    const etag = first.headers.etag;
    expect((await agent.get(at).set('If-None-Match', etag)).status).toBe(304);
    // As a form sends it, whatever its name says.
    await agent.put(at).attach('picture', gif, 'note.png').expect(204);
    const second = await agent.get(at).set('If-None-Match', etag).expect(200);
    expect([second.headers['content-type'], second.body]).toEqual(['image/gif', gif]);
  });

  it('is a picture by its content, and of at most 5 MB', async () => {
    const { agent } = await site.registered();
    const note = await add(agent);
    const page = Buffer.from('<script>alert(1)</script>');
    for (const content of [page, Buffer.alloc(0)])
      expect(outcome(await put(agent, note, content, 'image/png'))).toEqual([422, 'invalid_input']);
    const json = agent.put(`/api/notes/${note.id}/picture`).send({ picture: 'none' });
    expect(outcome(await json)).toEqual([422, 'invalid_input']);
    const most = Buffer.concat([png, Buffer.alloc(pictureBytes - png.length)]);
    await put(agent, note, most).expect(204);
    const { body } = (await agent.get(`/api/notes/${note.id}/picture`)) as { body: Buffer };
    expect(most.equals(body)).toBe(true);
    const more = Buffer.concat([most, Buffer.alloc(1)]);
    expect(outcome(await put(agent, note, more))).toEqual([422, 'invalid_input']);
    const much = Buffer.concat([most, Buffer.alloc(65 * 1024)]);
    expect(outcome(await put(agent, note, much))).toEqual([413, 'too_large']);
  });

  it('is deleted with its note', async () => {
    const { agent, id } = await site.registered();
    const note = await add(agent);
    await put(agent, note, png).expect(204);
    expect(await rowsOf('note_pictures', id)).toHaveLength(1);
    await agent.delete(`/api/notes/${note.id}`).expect(204);
    expect(await rowsOf('note_pictures', id)).toEqual([]);
  });
});

describe('the pages', () => {
  const formToken = (text: string) => /name="_csrf" value="([^"]+)"/.exec(text)![1];

  it('show the notes of the user, and add, change and delete one by forms', async () => {
    const { agent, send } = await site.registered();
    expect((await agent.get('/notes').expect(200)).text).toContain('You have no notes yet.');
    expect((await agent.get('/')).text).toContain('href="/notes">Notes<');
    expect((await send('/notes', { title: '<b>Milk</b>', body: '字'.repeat(4_000) })).headers.location).toBe('/notes');
    const [note] = (await list(agent)).items;
    expect([note.title, note.body.length]).toEqual(['<b>Milk</b>', 4_000]);
    expect((await agent.get('/notes')).text).toContain('&lt;b&gt;Milk&lt;/b&gt;');

    const page = await agent.get(`/notes/${note.id}`).expect(200);
    const form = () => agent.post(`/notes/${note.id}`).field('_csrf', formToken(page.text));
    const saved = await form().field({ title: 'Oat milk', body: 'a\r\nb' }).attach('picture', png, 'milk.txt');
    expect([saved.status, saved.headers.location]).toEqual([303, '/notes']);
    // As a browser sends it where no file was chosen: the picture stays.
    expect((await form().field({ title: 'Soy milk', body: '' }).attach('picture', Buffer.alloc(0), '')).status).toBe(
      303,
    );
    expect((await list(agent)).items).toMatchObject([{ title: 'Soy milk', body: '' }]);
    expect((await agent.get('/notes')).text).toContain(`<img src="/api/notes/${note.id}/picture"`);

    const gone = await agent
      .post(`/notes/${note.id}/delete`)
      .type('form')
      .send({ _csrf: formToken(page.text) });
    expect([gone.status, gone.headers.location]).toEqual([303, '/notes']);
    expect((await list(agent)).items).toEqual([]);
    expect((await agent.get(`/notes/${note.id}`)).status).toBe(404);
  });

  it('show a form again with what was typed and its faults', async () => {
    const { agent, send } = await site.registered();
    const refused = await send('/notes', { title: ' ', body: 'two litres' });
    expect(refused.status).toBe(422);
    for (const text of ['Enter a title.', 'two litres', 'You have no notes yet.']) expect(refused.text).toContain(text);
    const note = await add(agent);
    const _csrf = formToken((await agent.get(`/notes/${note.id}`)).text);
    const form = agent.post(`/notes/${note.id}`).field({ _csrf, title: 'Oat milk', body: '' });
    const answer = await form.attach('picture', Buffer.from('<svg/>'), 'milk.png');
    expect(answer.status).toBe(422);
    for (const text of ['Choose a picture: PNG', 'value="Oat milk"']) expect(answer.text).toContain(text);
    expect((await list(agent)).items).toEqual([note]);
  });

  it('take forms with their token only, of the owner only', async () => {
    const [owner, other] = [await site.registered(), await site.registered()];
    const note = await add(owner.agent);
    const _csrf = await other.token('/notes');
    for (const path of ['/notes', `/notes/${note.id}`, `/notes/${note.id}/delete`])
      expect((await owner.agent.post(path).type('form').send({ title: 'Stolen', _csrf })).status).toBe(403);
    expect((await other.agent.get(`/notes/${note.id}`)).status).toBe(404);
    for (const path of [`/notes/${note.id}`, `/notes/${note.id}/delete`])
      expect((await other.agent.post(path).type('form').send({ title: 'Stolen', _csrf })).status).toBe(404);
    expect((await list(owner.agent)).items).toEqual([note]);
    expect((await site.browser().get('/notes')).headers.location).toBe('/login?returnTo=%2Fnotes');
  });

  it('count a form once that comes twice', async () => {
    const { agent, token, id } = await site.registered();
    const _csrf = await token('/notes');
    const key = randomUUID();
    for (let i = 0; i < 2; i++)
      expect(
        (await agent.post('/notes').set('X-Request-Id', key).type('form').send({ _csrf, title: 'Milk' })).status,
      ).toBe(303);
    expect(await rowsOf('notes', id)).toHaveLength(1);
  });
});

describe('an account', () => {
  it('takes its notes along: to its export, and into nothing when it is deleted', async () => {
    const [leaving, staying] = [await site.registered(), await site.registered()];
    for (const { agent } of [leaving, staying]) await put(agent, await add(agent, 'Milk', 'two litres'), png);
    const { notes } = (await leaving.agent.get('/api/account/export')).body as {
      notes: (Item & { picture: string })[];
    };
    expect(notes).toMatchObject([{ title: 'Milk', body: 'two litres' }]);
    expect((await leaving.agent.get(notes[0].picture)).body).toEqual(png);
    await leaving.agent.delete('/api/account').send({ currentPassword: leaving.someone.password }).expect(204);
    for (const table of ['notes', 'note_pictures']) {
      expect(await rowsOf(table, leaving.id)).toEqual([]);
      expect(await rowsOf(table, staying.id)).toHaveLength(1);
    }
  });
});
