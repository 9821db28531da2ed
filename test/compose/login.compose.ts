// The login journey on the stack of docker-compose.yml as it stands: built, started, broken, removed.
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { connect } from 'node:tls';
import { Client } from '../support/browser.js';
import { concurrently } from '../support/concurrently.js';
import { developmentPackages } from '../support/development-packages.js';
import { expectUseOnly, refusedToApp } from '../support/app-rights.js';
import { newPerson, register } from '../support/people.js';
import { ComposeStack } from './stack.js';

const MINUTE = 60_000;
jest.setTimeout(4 * MINUTE);

interface Me {
  readonly server: string;
  readonly session: { readonly method: string };
}
interface Cart {
  readonly items: Readonly<Record<string, number>>;
}

const databases = ['mysql1', 'mysql2', 'mysql3'];
let stack: ComposeStack;

beforeAll(
  logged(async () => {
    stack = await ComposeStack.create();
    await stack.up(['--build']);
  }),
  15 * MINUTE,
);

afterAll(() => stack.remove(), 3 * MINUTE);

describe('the stack in containers', () => {
  it(
    'knows a person who registered on every server, in the very next request',
    logged(async () => {
      const servers = await stack.webServers();
      expect(servers).toHaveLength(3);
      for (let round = 0; round < 10; round++) {
        const person = await registered();
        for (const name of servers) {
          const answer = await person.get(`/_server/${name}/api/me`);
          expect([answer.status, answer.server]).toEqual([200, name]);
          expect(answer.json<Me>().server).toBe(name);
          // The pages' links stay on that server.
          expect((await person.get(`/_server/${name}/account`)).text).toContain(`"/_server/${name}/`);
        }
      }
    }),
  );

  it(
    'keeps a cart that was filled on one server, over the login on another',
    logged(async () => {
      const [first, second, third] = await stack.webServers();
      const visitor = new Client(stack.httpUrl);
      await visitor.put(`/_server/${first}/api/cart/apple`, { quantity: 1 });
      await registered(visitor, `/_server/${second}`);
      await visitor.put(`/_server/${second}/api/cart/pear`, { quantity: 2 });
      const cart = await visitor.get(`/_server/${third}/api/cart`);
      expect(cart.json<Cart>().items).toEqual({ apple: 1, pear: 2 });
    }),
  );

  it(
    'ends a session on every server at once',
    logged(async () => {
      const servers = await stack.webServers();
      const person = await registered();
      const stolen = person.copy();
      expect((await stolen.get('/api/me')).status).toBe(200);
      expect((await person.post('/api/logout')).status).toBe(204);
      expect([...person.cookies.keys()].filter((name) => name !== 'csrf' && name !== 'device')).toEqual([]);
      for (const name of servers) expect((await stolen.get(`/_server/${name}/api/me`)).status).toBe(401);
    }),
  );

  it(
    'shows the mail that asks somebody whether their address is right',
    logged(async () => {
      const person = await register(new Client(stack.httpUrl));
      await until(async () => {
        const answer = await fetch(`${stack.mailUrl}/api/email`);
        const mails = (await answer.json()) as { to: { address: string }[]; text: string }[];
        return mails.some(({ to, text }) => to[0]?.address === person.email && text.includes('/email/confirm?token='));
      }, 'the mail');
      // To no other page, by whatever name.
      const { hostname, port } = new URL(stack.mailUrl);
      const foreign: Record<string, string>[] = [{ Origin: 'http://evil.example' }, { Host: `evil.example:${port}` }];
      for (const headers of foreign) {
        const answer = await new Client(stack.mailUrl).get('/api/email', headers);
        expect([answer.status, answer.headers['access-control-allow-origin']]).toEqual([403, undefined]);
      }
      expect(hostname).toBe('localhost');
      const ports = await stack.compose(['ps', '--format', '{{.Service}} {{.Ports}}']);
      expect(ports).toMatch(/^mail-page (?:\d+\/tcp, )*127\.0\.0\.1:\d+->1080\/tcp$/m);
      expect(ports.match(/^.*->.*$/gm)!.filter((line) => !/^(nginx|mail-page) /.test(line))).toEqual([]);
    }),
  );

  it(
    'limits each address at nginx, but not the gateway that all clients may have',
    logged(async () => {
      const [gateway] = (await stack.compose(['exec', '-T', 'nginx', 'cat', '/tmp/gateway.conf'])).split(' ');
      const person = await registered();
      const [session] = (await person.get('/api/sessions')).json<{ ip: string }[]>();
      // This test itself comes through the published port.
      expect(session?.ip).toBe(gateway);
      // A client inside has an address of its own: it asks until it is refused.
      const script = `const end = Date.now() + 60_000;
        let refused = false;
        const ask = async () => {
          while (!refused && Date.now() < end)
            await fetch('http://nginx:8080/healthz').then(({ status }) => (refused ||= status === 429), () => undefined);
        };
        await Promise.all(Array.from({ length: 100 }, ask));
        console.log(refused);`;
      const inside = await stack.compose(['exec', '-T', 'web', 'node', '--input-type=module', '-e', script]);
      expect(inside.trim()).toBe('true');
      const outside = await concurrently(900, 100, () => fetch(`${stack.httpUrl}/healthz`));
      expect(outside.map(({ status }) => status)).not.toContain(429);
    }),
  );

  it(
    'holds no package that production does not need',
    logged(async () => {
      const inWeb = (...command: string[]) => stack.compose(['exec', '-T', 'web', ...command]);
      expect(await inWeb('node', 'deploy/web/production-packages.mjs', '--check')).toBe('');
      const packages = await inWeb('sh', '-c', 'cd /app && find . -path "*node_modules/*" -name package.json');
      expect(packages).toContain('node_modules/express/package.json');
      for (const name of developmentPackages) expect(packages).not.toContain(`node_modules/${name}/package.json`);
    }),
  );

  it(
    'passes the address of the client on, not what the client claims',
    logged(async () => {
      const person = new Client(stack.httpUrl);
      await person.post('/api/register', newPerson(), { 'X-Forwarded-For': '203.0.113.7' });
      const nginx = await stack.compose(['exec', '-T', 'nginx', 'hostname', '-i']);
      const [session] = (await person.get('/api/sessions')).json<{ ip: string }[]>();
      expect(session?.ip).toMatch(/^[\d.:a-f]+$/);
      expect(session?.ip).not.toBe('203.0.113.7');
      expect(nginx.trim().split(/\s+/)).not.toContain(session?.ip);
    }),
  );

  it(
    'speaks with the databases by TLS only',
    logged(async () => {
      const query = `SELECT IF(status.VARIABLE_VALUE = '', 'plain', 'TLS') FROM performance_schema.threads AS thread
        JOIN performance_schema.status_by_thread AS status USING (THREAD_ID)
        WHERE thread.PROCESSLIST_USER = 'roam' AND status.VARIABLE_NAME = 'Ssl_cipher'`;
      const sql = `MYSQL_PWD=$(</secrets/root-password) mysql --host=127.0.0.1 --skip-column-names --execute "${query}"`;
      for (const name of databases) {
        const connections = await stack.compose(['exec', '-T', name, 'bash', '-c', sql]);
        expect(new Set(connections.trim().split('\n'))).toEqual(new Set(['TLS']));
      }
      const plain = `MYSQL_PWD=$(</secrets/root-password) mysql --host=127.0.0.1 --ssl-mode=DISABLED --execute 'SELECT 1' 2>&1`;
      await expect(stack.compose(['exec', '-T', 'mysql1', 'bash', '-c', plain])).rejects.toThrow();
    }),
  );

  it(
    'loses nothing and logs nobody out when a web server and a MySQL server are killed',
    logged(async () => {
      const person = await registered();
      const [victim] = await stack.webServers();
      const failures: string[] = [];
      const written: Record<string, number> = {};
      let requests = 0;
      let refused = 0;
      let over = false;
      const walk = (async () => {
        while (!over) {
          const item = `item${++requests}`;
          const quantity = 1 + (requests % 9);
          let write = await person.put(`/api/cart/${item}`, { quantity });
          // A container that is killed takes its address with it. Each of the group's attempts to reach that address
          // holds all commits up for as much as a second, which is more than a write may take: then it is refused,
          // and says when to come again.
          for (let attempt = 0; write.status === 503 && attempt < 5; attempt++, refused++) {
            await new Promise((resolve) => setTimeout(resolve, Number(write.headers['retry-after']) * 1000));
            write = await person.put(`/api/cart/${item}`, { quantity });
          }
          if (write.status === 200) written[item] = quantity;
          else failures.push(`${item}: ${write.status} ${write.text}`);
          const me = await person.get('/api/me');
          if (me.status !== 200) failures.push(`me: ${me.status} ${me.text}`);
        }
      })();
      const further = (count: number) => {
        const start = requests;
        return () => requests >= start + count;
      };
      await until(further(20), 'requests before');
      await stack.kill(victim);
      await until(further(40), 'requests without a web server');
      expect(refused).toBe(0);
      await stack.compose(['kill', '--signal', 'KILL', 'mysql1']);
      await until(further(80), 'requests without a MySQL server');
      over = true;
      await walk;
      expect(failures).toEqual([]);
      expect(refused).toBeLessThan(20);
      expect((await person.get('/api/cart')).json<Cart>().items).toEqual(written);

      await stack.up();
      for (const name of await stack.webServers())
        expect((await person.get(`/_server/${name}/api/cart`)).json<Cart>().items).toEqual(written);
    }),
  );

  it(
    'logs nobody out when all MySQL servers are killed and started again',
    logged(async () => {
      const person = await registered();
      await person.put('/api/cart/apple', { quantity: 3 });
      await stack.compose(['kill', '--signal', 'KILL', ...databases]);
      const seen = new Set<number>();
      const look = async () => {
        const { status } = await person.get('/api/me');
        seen.add(status);
        return status;
      };
      await until(async () => (await look()) === 503, 'the outage');
      await stack.compose(['start', ...databases]);
      await until(async () => (await look()) === 200, 'the session again', 3 * MINUTE);
      // Never "logged out": 401 is not among them.
      expect([...seen].sort()).toEqual(expect.arrayContaining([200, 503]));
      expect(seen).not.toContain(401);
      expect((await person.get('/api/cart')).json<Cart>().items).toEqual({ apple: 3 });
      await stack.up();
    }),
  );

  it(
    'takes back a MySQL server that lost its disk',
    logged(async () => {
      const person = await registered();
      await stack.compose(['rm', '--stop', '--force', 'mysql3']);
      await stack.removeVolume('mysql3');
      // Healthy is who is ONLINE, which takes all data that the others have.
      await stack.up();
      expect((await person.get('/api/me')).status).toBe(200);
    }),
  );

  it(
    'serves https with cookies that only this host can set',
    logged(async () => {
      await stack.up([], { PUBLIC_URL: stack.httpsUrl });
      const ca = await certificateOf(stack.httpsUrl);
      const person = await registered(new Client(stack.httpsUrl, { ca }));
      expect([...person.cookies.keys()].sort()).toEqual(['__Host-device', '__Host-mark', '__Host-sid']);
      for (const name of await stack.webServers())
        expect((await person.get(`/_server/${name}/api/me`)).status).toBe(200);
      // Nothing is served over http any more, but that nginx is healthy.
      const plain = new Client(stack.httpUrl);
      const page = await plain.get('/cart');
      expect([page.status, page.headers.location]).toEqual([308, `${stack.httpsUrl}/cart`]);
      expect((await plain.post('/api/register', newPerson())).status).toBe(403);
      expect((await plain.get('/healthz')).status).toBe(200);
      expect(plain.cookies.size).toBe(0);
      await stack.up();
    }),
  );

  it(
    'shares its sessions by every other method',
    logged(async () => {
      const order = 'one-way:web1,web2,web3';
      const ways = [['cookie'], ['sync'], ['sync', order], ['file']] as const;
      for (const [method, direction] of ways) {
        await stack.up([], { SESSION_METHOD: method, ...(direction && { SYNC_DIRECTION: direction }) });
        if (direction)
          await until(
            async () => /web[123] leads/.test((await new Client(stack.httpUrl).get('/cluster')).text),
            'a leader',
          );
        const servers = await stack.webServers();
        const person = await registered();
        for (const name of servers) {
          const me = await person.get(`/_server/${name}/api/me`);
          expect([me.status, me.json<Me>().session.method]).toEqual([200, method]);
          expect((await person.put(`/_server/${name}/api/cart/${name}`, { quantity: 1 })).status).toBe(200);
        }
        expect(Object.keys((await person.get('/api/cart')).json<Cart>().items).sort()).toEqual([...servers].sort());
        const stolen = person.copy();
        expect((await person.post('/api/logout')).status).toBe(204);
        for (const name of servers)
          await until(async () => (await stolen.get(`/_server/${name}/api/me`)).status === 401, 'the logout', 2000);
      }
      await stack.up();
    }),
  );

  it(
    'runs with five web servers',
    logged(async () => {
      const person = await registered();
      await stack.up(['--scale', 'web=5']);
      const servers = await stack.webServers();
      expect(servers).toHaveLength(5);
      for (const name of servers) expect((await person.get(`/_server/${name}/api/me`)).status).toBe(200);
      const answering = new Set<string | undefined>();
      await until(async () => answering.add((await person.get('/api/me')).server).size === 5, 'all behind nginx');
      await stack.up();
    }),
  );

  it(
    'gives the web servers no rights and no secrets but their own, and publishes no database',
    logged(async () => {
      const inWeb = (...command: string[]) => stack.compose(['exec', '-T', 'web', ...command]);
      expect((await inWeb('id', '-u')).trim()).not.toBe('0');
      for (const service of ['web', 'group'])
        for (const secret of ['root-password', 'app-password', 'migration-password', 'migration-database-urls'])
          await expect(stack.compose(['exec', '-T', service, 'cat', `/secrets/${secret}`])).rejects.toThrow(
            /Permission denied/,
          );
      await expect(inWeb('cat', '/secrets/keeper-password')).rejects.toThrow(/Permission denied/);
      await expect(inWeb('touch', '/app/here')).rejects.toThrow(/Read-only/);
      expect(await stack.compose(['ps', '--format', '{{.Service}} {{.Ports}}'])).not.toMatch(/^mysql.*->/m);
    }),
  );

  it(
    'gives each database account the rights that it needs, on every node',
    logged(async () => {
      const by = (node: string, account: string, secret: string, sql: string) => {
        const password = `MYSQL_PWD=$(</secrets/${secret})`;
        const command = `${password} mysql --host=127.0.0.1 --user=${account} --skip-column-names --execute "${sql}" 2>&1`;
        return stack.compose(['exec', '-T', node, 'bash', '-c', command]);
      };
      const grantsOf = async (node: string, account: string, secret: string) =>
        (await by(node, account, secret, 'SHOW GRANTS')).trim().split('\n');
      const app = (sql: string) => by('mysql1', 'roam', 'app-password', sql);
      for (const node of databases) {
        expectUseOnly(await grantsOf(node, 'roam', 'app-password'));
        expect((await grantsOf(node, 'keeper', 'keeper-password')).sort()).toEqual([
          'GRANT CONNECTION_ADMIN,GROUP_REPLICATION_ADMIN,REPLICATION_SLAVE_ADMIN,SYSTEM_VARIABLES_ADMIN ON *.* TO `keeper`@`%`',
          'GRANT SELECT ON `performance_schema`.* TO `keeper`@`%`',
          'GRANT USAGE ON *.* TO `keeper`@`%`',
        ]);
        expect((await grantsOf(node, 'migrator', 'migration-password')).sort()).toEqual([
          'GRANT ALL PRIVILEGES ON `roam`.* TO `migrator`@`%` WITH GRANT OPTION',
          'GRANT REPLICATION CLIENT ON *.* TO `migrator`@`%`',
          'GRANT SELECT ON `performance_schema`.* TO `migrator`@`%`',
        ]);
      }
      for (const sql of refusedToApp)
        await expect(app(`USE roam; ${sql}`)).rejects.toThrow(/denied|SUPER privilege|not allowed/);
      await expect(by('mysql1', 'keeper', 'keeper-password', 'SELECT 1 FROM roam.users')).rejects.toThrow(/denied/);
    }),
  );

  it(
    'keeps its secrets when it is brought up again',
    logged(async () => {
      const secrets = () => stack.compose(['exec', '-T', 'mysql1', 'bash', '-c', 'sha256sum /secrets/*']);
      const before = await secrets();
      await stack.compose(['up', '--force-recreate', 'init']);
      expect(await secrets()).toBe(before);
      // And the project's name, for nginx.
      expect(before.trim().split('\n')).toHaveLength(13);
    }),
  );
});

/** Runs the step; when it fails, what the services logged last is printed beside the failure. */
function logged(step: () => Promise<void>): () => Promise<void> {
  return async () => {
    try {
      await step();
    } catch (error) {
      process.stderr.write(`${await stack.logs().catch(String)}\n`);
      throw error;
    }
  };
}

/**
 * Somebody who has just registered, and so is logged in; `through` names a path of one server. While the group takes its
 * members back, each commit may be held up for longer than a write may take: the answer is then to come again.
 */
async function registered(browser = new Client(stack.httpUrl), through = ''): Promise<Client> {
  for (let attempt = 1; ; attempt++) {
    try {
      await register(browser, browser.origin + through);
      return browser;
    } catch (error) {
      if (attempt === 5 || !/ 503:/.test(String(error))) throw error;
      await new Promise((resolve) => setTimeout(resolve, 2000));
    }
  }
}

/** Waits until the condition holds, and fails when it never does. */
async function until(condition: () => boolean | Promise<boolean>, what: string, timeoutMs = MINUTE): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`Timed out after ${timeoutMs / 1000} s waiting for ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** The site's own certificate (PEM), to be trusted from then on. */
function certificateOf(url: string): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port), rejectUnauthorized: false }, () => {
      resolve(socket.getPeerX509Certificate()!.toString());
      socket.destroy();
    });
    socket.once('error', reject);
  });
}
