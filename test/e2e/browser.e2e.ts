// What a person does in a real browser: registers, moves between servers, fills a cart, ends another device's session.
import { mkdir } from 'node:fs/promises';
import axe, { type AxeResults } from 'axe-core';
import mysql from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { startStack, type Stack } from '@roam/local-stack';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { siteName } from '../../apps/web/src/config/site.js';
import { findChromium, launch } from '../support/chromium.js';
import { newPerson, type Person } from '../support/people.js';

jest.setTimeout(120_000);

const SCREENSHOTS = '.roam/screenshots';
const phone = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };
const desktop = { viewport: { width: 1280, height: 800 } };

const executable = findChromium();
const describeInBrowser = executable ? describe : describe.skip;

describeInBrowser('in a browser', () => {
  let stack: Stack;
  let browser: Browser;
  /** What the browser's console said: a page that asks for what is not there, or breaks its own content policy. */
  const complaints: string[] = [];

  beforeAll(async () => {
    await mkdir(SCREENSHOTS, { recursive: true });
    [stack, browser] = await Promise.all([startStack({ servers: 3, topology: 'multi-primary' }), launch(executable!)]);
  }, 180_000);
  afterAll(async () => {
    await browser?.close();
    await stack?.stop();
  });
  afterEach(async () => {
    await Promise.all(browser.contexts().map((context) => context.close()));
    // A refused form is an answer, which the console reports all the same.
    expect(complaints.splice(0).filter((complaint) => !/status of 4(01|22)/.test(complaint))).toEqual([]);
  });

  async function open(options: BrowserContextOptions = desktop): Promise<Page> {
    const context = await browser.newContext({ baseURL: stack.url, ...options });
    context.setDefaultTimeout(20_000);
    const page = await context.newPage();
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(`${page.url()}: ${message.text()}`);
    });
    return page;
  }

  const served = (page: Page) => page.locator('footer .server').innerText();

  async function fill(page: Page, path: '/register' | '/login', { name, email, password }: Person): Promise<void> {
    await page.goto(path);
    if (path === '/register') await page.getByLabel('Name', { exact: true }).fill(name);
    await page.getByLabel('E-mail address').fill(email);
    await page.getByLabel('Password').fill(password);
    await page.locator('main form button').last().click();
  }

  it.each([
    ['desktop', desktop],
    ['phone', phone],
    ['desktop in the dark', { ...desktop, colorScheme: 'dark' as const }],
    ['browser without JavaScript', { ...desktop, javaScriptEnabled: false }],
  ])('a person on a %s registers, visits every server and stays signed in', async (name, options) => {
    const page = await open(options);
    const person = newPerson();
    await page.goto('/');
    await page.getByRole('button', { name: 'Add one apple' }).click();
    await expect(page.getByLabel('Quantity of apple').innerText()).resolves.toBe('1');
    await fill(page, '/register', person);
    await page.getByRole('button', { name: 'Sign out' }).waitFor();
    for (const { name: server } of stack.servers) {
      await page.goto(`/_server/${server}/`);
      expect(await served(page)).toBe(server);
      expect(await page.getByRole('heading', { level: 1 }).innerText()).toContain(person.name);
      expect(await page.getByLabel('Quantity of apple').innerText()).toBe('1');
      // The links and forms of a server's own pages stay on that server.
      await page.getByRole('button', { name: 'Add one pear' }).click();
      expect(await served(page)).toBe(server);
      await page.getByRole('link', { name: 'Account' }).click();
      expect(await served(page)).toBe(server);
      expect(await page.getByRole('main').innerText()).toContain(person.email);
    }
    await page.goto('/');
    expect(await page.getByLabel('Quantity of pear').innerText()).toBe('3');
    const overflow = await page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');
    expect(overflow).toBe(0);
    for (const path of ['/', '/account', '/account/sessions', '/cluster']) {
      await page.goto(path);
      expect(await page.title()).toMatch(new RegExp(` · ${siteName}$`));
      expect(await page.locator('.brand').innerText()).toBe(siteName);
      await page.screenshot({ path: `${SCREENSHOTS}/${name} ${path.replaceAll('/', '-')}.png`, fullPage: true });
    }
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('button', { name: 'Register' }).first().waitFor();
    await page.goto('/account');
    expect(new URL(page.url()).pathname).toBe('/login');
  });

  it('one of two browsers ends the other one, on every server', async () => {
    const [laptop, telephone] = [await open(), await open(phone)];
    const person = newPerson();
    await fill(laptop, '/register', person);
    await laptop.getByRole('button', { name: 'Sign out' }).waitFor();
    await fill(telephone, '/login', person);
    await telephone.getByRole('button', { name: 'Sign out' }).waitFor();
    await telephone.goto('/account/sessions');
    expect(await telephone.locator('.devices li').count()).toBe(2);
    await telephone.getByRole('button', { name: 'Sign out all other devices' }).click();
    await telephone.getByText('this device').waitFor();
    expect(await telephone.locator('.devices li').count()).toBe(1);
    for (const { name } of stack.servers) {
      await laptop.goto(`/_server/${name}/`);
      await laptop.getByRole('link', { name: 'Sign in' }).first().waitFor();
    }
  });

  it('a wrong form says what is wrong, keeps what was typed and logs nobody in', async () => {
    const page = await open();
    await fill(page, '/register', { name: 'Ann', email: 'no address', password: 'short' });
    expect(await page.getByLabel('Name', { exact: true }).inputValue()).toBe('Ann');
    expect(await page.locator('[aria-invalid=true]').count()).toBe(2);
    await fill(page, '/login', { ...newPerson(), name: '' });
    await page.getByRole('alert').waitFor();
    await page.goto('/');
    await page.getByRole('button', { name: 'Register' }).first().waitFor();
  });

  it.each([
    ['desktop', desktop],
    ['phone', phone],
  ])('a person on a %s adds passkeys, signs in with one on another server, and removes it', async (_name, options) => {
    const page = await open(options);
    const person = newPerson();
    const devtools = await page.context().newCDPSession(page);
    await devtools.send('WebAuthn.enable');
    const plugIn = (transport: 'internal' | 'usb') =>
      devtools.send('WebAuthn.addVirtualAuthenticator', {
        options: {
          protocol: 'ctap2',
          transport,
          hasResidentKey: true,
          hasUserVerification: true,
          isUserVerified: true,
          automaticPresenceSimulation: true,
        },
      });
    const { authenticatorId: first } = await plugIn('internal');
    await fill(page, '/register', person);
    await page.getByRole('button', { name: 'Sign out' }).waitFor();
    const add = async (name: string) => {
      await page.goto('/account/passkeys');
      await page.getByLabel('Name of the new passkey').fill(name);
      await page.getByRole('button', { name: 'Add a passkey' }).click();
      await page.locator('.devices').getByText(name, { exact: true }).waitFor();
    };
    await add('My laptop');
    await devtools.send('WebAuthn.removeVirtualAuthenticator', { authenticatorId: first });
    await plugIn('usb');
    await add('My key');
    expect(await page.locator('.devices li').count()).toBe(2);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('button', { name: 'Register' }).first().waitFor();
    await page.goto('/_server/web2/login?returnTo=/account/passkeys');
    await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
    await page.getByRole('heading', { name: 'Passkeys' }).waitFor();
    expect(await served(page)).toBe('web2');
    await page.getByRole('button', { name: 'Remove My key' }).click();
    await page.getByText('My key').waitFor({ state: 'detached' });
    expect(await page.locator('.devices li').count()).toBe(1);
  });

  it.each([
    ['light', 'light' as const],
    ['dark', 'dark' as const],
  ])('axe finds nothing against WCAG 2.2 AA on any %s page', async (_name, colorScheme) => {
    const page = await open({ ...phone, colorScheme });
    const person = newPerson();
    const found: string[] = [];
    const look = async (path: string) => {
      await page.goto(path);
      await page.evaluate('for (const closed of document.querySelectorAll("details")) closed.open = true');
      const name = `axe ${colorScheme} ${path.split('?')[0].replaceAll('/', '-').slice(0, 40)}`;
      await page.screenshot({ path: `${SCREENSHOTS}/${name}.png`, fullPage: true });
      // Nothing sticks out on a phone.
      const overflow = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
      if (overflow > 0) found.push(`${path}: sticks out by ${overflow}`);
      await page.evaluate(axe.source);
      const run = `axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] })`;
      const { violations } = await page.evaluate<AxeResults>(run);
      for (const { id, nodes } of violations) found.push(`${path}: ${id}: ${nodes.map(({ html }) => html).join(' ')}`);
    };
    const forVisitors = ['/', '/login', '/register', '/password/forgotten', '/password/reset?token=none', '/cluster'];
    for (const path of forVisitors) await look(path);
    await fill(page, '/register', person);
    await page.getByRole('button', { name: 'Sign out' }).waitFor();
    const own = ['', '/sessions', '/password', '/email', '/two-step', '/passkeys', '/leave', '/confirm'];
    for (const path of own) await look(`/account${path}`);
    const admin = await mysql.createConnection(stack.databases.nodes[0].adminUrl);
    await admin.query(`UPDATE roam.users SET roles = '["admin"]' WHERE email = ?`, [person.email]);
    await admin.end();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await fill(page, '/login', person);
    await page.getByRole('link', { name: 'Admin' }).click();
    await look('/admin');
    await page.getByRole('link', { name: person.email }).click();
    await page.getByRole('heading', { name: 'Devices' }).waitFor();
    await look(new URL(page.url()).pathname);
    await look('/admin/audit');
    await look('/api/docs');
    expect(found).toEqual([]);
  });

  it('all times are those of the browser, in its language', async () => {
    const where = { timezoneId: 'Asia/Kolkata', locale: 'de-DE' };
    const [page, plain] = [await open({ ...desktop, ...where }), await open({ ...desktop, javaScriptEnabled: false })];
    const person = newPerson();
    await fill(page, '/register', person);
    await page.getByRole('button', { name: 'Sign out' }).waitFor();
    await plain.context().addCookies(await page.context().cookies());
    const format = new Intl.DateTimeFormat(where.locale, {
      dateStyle: 'medium',
      timeStyle: 'short',
      timeZone: where.timezoneId,
    });
    for (const path of ['/account', '/account/sessions', '/cluster']) {
      await Promise.all([page.goto(path), plain.goto(path)]);
      const times = await page.locator('time').all();
      expect(times.length).toBeGreaterThan(1);
      for (const time of times) {
        const at = new Date((await time.getAttribute('datetime'))!);
        expect(await time.innerText()).toBe(format.format(at));
        expect(await time.getAttribute('lang')).toBe(where.locale);
      }
      // Without JavaScript they are in UTC, and say so.
      expect(await plain.locator('time').first().innerText()).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d UTC$/);
    }
  });

  it('the cluster shows a web server as online that no proxy is before', async () => {
    const page = await open();
    const [server] = stack.servers;
    const looked = page.waitForResponse((response) => response.url().endsWith('/healthz'));
    await page.goto(`${server.url}/cluster`);
    expect((await looked).status()).toBe(200);
    const [inPicture, inRow] = [`[data-place="server:${server.name}"]`, `[data-server=${server.name}] .state`];
    for (const place of [inPicture, inRow]) expect(await page.locator(place).getAttribute('class')).toContain('online');
    expect(await page.locator('svg').getByText('nginx').count()).toBe(0);
    expect(await page.getByRole('link', { name: /^Open web/ }).count()).toBe(0);
  });

  it('a server that dies between two clicks is not noticed', async () => {
    const page = await open();
    const person = newPerson();
    await fill(page, '/register', person);
    await page.getByRole('button', { name: 'Sign out' }).waitFor();
    const victim = stack.servers.find(({ name }) => name === 'web2')!;
    const [database] = stack.databases.nodes;
    // Beside it the page that shows the cluster sees it all, without being loaded again.
    const map = await page.context().newPage();
    await map.goto('/cluster');
    await map.getByRole('button', { name: 'Visit every server' }).click();
    await map.getByText(['web1', 'web2', 'web3'].map((name) => `${name} knows ${person.name}`).join('; ')).waitFor();
    await victim.kill();
    await database.kill();
    await map.locator('[data-place="server:web2"].down').waitFor();
    const row = map.locator('.members li', { hasText: `:${database.port}` });
    await row.locator('.state:not(.online)').waitFor();
    await map.locator(`[data-place="node:${database.name}"]:not(.online)`).waitFor();
    await map.locator('[data-server=web2]').getByText('Down').waitFor();
    for (let click = 1; click <= 6; click++) {
      await page.goto('/');
      await page.getByRole('button', { name: 'Add one lemon' }).click();
      await page.getByLabel('Quantity of lemon').waitFor();
      expect(await page.getByLabel('Quantity of lemon').innerText()).toBe(String(click));
      expect(await page.getByRole('heading', { level: 1 }).innerText()).toContain(person.name);
    }
    await map.screenshot({ path: `${SCREENSHOTS}/cluster with a server and a database gone.png`, fullPage: true });
    await victim.start();
    await database.start();
    await map.locator('[data-place="server:web2"].online').waitFor();
    await row.locator('.state.online').waitFor({ timeout: 60_000 });
    await map.locator(`[data-place="node:${database.name}"].online`).waitFor();
    expect(await map.locator('#strip li').count()).toBeGreaterThan(5);
    await page.goto('/_server/web2/');
    expect(await page.getByRole('heading', { level: 1 }).innerText()).toContain(person.name);
  });
});
