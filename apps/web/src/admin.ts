// Administration from the command line: roles, and a user's sessions.
import { userInfo } from 'node:os';
import { SessionManager } from '@roam/session';
import { DataSource } from 'typeorm';
import { auditEvent } from './audit/audit-event.js';
import { AuditWriter } from './audit/audit-writer.js';
import { loadConfig } from './config/load.js';
import { connectCluster } from './database/connect.js';
import { dataSourceOptions } from './database/data-source.js';
import { cookieOptions } from './http/cookies.js';
import { quietLogger } from './logging/logging.js';
import { openSessionStorage } from './session/session-storage.js';
import { findByEmail } from './users/find-by-email.js';
import { User, type Role } from './users/user.entity.js';

const help = `Usage: npm run admin -- COMMAND EMAIL

  grant EMAIL      make the user an administrator
  revoke EMAIL     remove the administrator role
  sessions EMAIL   list the user's sessions
  end-all EMAIL    end all of the user's sessions, on every server

It reads the settings of the web servers from the environment; DATABASE_URLS and SESSION_SECRETS are required.`;

/** The arguments of a command. */
interface Tools {
  readonly user: User;
  readonly save: (roles: Role[]) => Promise<unknown>;
  readonly sessions: SessionManager;
}

const commands: Record<string, (tools: Tools) => Promise<string>> = {
  async grant({ user, save, sessions }) {
    if (user.roles.includes('admin')) return `${user.email} is already an administrator.`;
    await save([...user.roles, 'admin']);
    // A session keeps its user's roles: a new role needs a new one (ASVS 7.2.4).
    await sessions.users.endAll(user.id);
    return `${user.email} is now an administrator. All sessions of this user were ended; the role applies from the next sign-in.`;
  },
  async revoke({ user, save, sessions }) {
    if (!user.roles.includes('admin')) return `${user.email} is not an administrator.`;
    await save(user.roles.filter((role) => role !== 'admin'));
    await sessions.users.endAll(user.id);
    return `${user.email} is no longer an administrator. All sessions of this user were ended.`;
  },
  async sessions({ user, sessions }) {
    const list = await sessions.users.list(user.id);
    const time = (ms: number) => new Date(ms).toISOString();
    const lines = list.map((one) => `${one.id}  started ${time(one.createdAt)}  last seen ${time(one.lastSeenAt)}`);
    return [`${list.length === 1 ? '1 session' : `${list.length} sessions`} of ${user.email}`, ...lines].join('\n');
  },
  async 'end-all'({ user, sessions }) {
    await sessions.users.endAll(user.id);
    return `All sessions of ${user.email} were ended.`;
  },
};

const [name = '', email, ...rest] = process.argv.slice(2);
const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
if (['help', '--help', '-h'].includes(name)) {
  console.log(help);
} else if (!command || !email || rest.length > 0) {
  console.error(command ? `"${name}" needs exactly one e-mail address.\n` : `Unknown command "${name}".\n`);
  console.error(help);
  process.exitCode = 2;
} else {
  await run(command, email);
}

async function run(command: (tools: Tools) => Promise<string>, email: string): Promise<void> {
  const config = loadConfig();
  const cluster = await connectCluster(config, quietLogger()).catch(fail);
  if (!cluster) return;
  const source = new DataSource(dataSourceOptions(cluster, { entities: [User] }));
  let close = async (): Promise<void> => undefined;
  try {
    const users = (await source.initialize()).getRepository(User);
    const user = await cluster.retrying(() => findByEmail(users, email));
    if (!user) return fail(new Error(`There is no user with the e-mail address ${email}.`));
    // Sessions in a web server's own memory are out of reach: a changed role would go unnoticed there.
    const { method } = config.session;
    if (method === 'memory' || method === 'sync')
      return fail(
        new Error(
          `SESSION_METHOD=${method} keeps the sessions in the memory of the web servers, out of reach of this command. Use the page /admin instead.`,
        ),
      );
    const storage = await openSessionStorage(config, cluster, quietLogger());
    close = storage.close;
    const { store } = storage;
    const sessions = new SessionManager({ store, secrets: config.session.secrets, cookie: cookieOptions(config) });
    const save = (roles: Role[]) => cluster.retrying(() => users.update({ id: user.id }, { roles }));
    console.log(await command({ user, save, sessions }));
    if (name === 'sessions') return;
    const onFault = (error: unknown) =>
      console.error(`Could not write this command to the audit log: ${String(error)}`);
    const audit = new AuditWriter({ cluster, onFault, onDropped: () => undefined });
    const details = { command: name, by: userInfo().username };
    audit.add(auditEvent({ event: 'admin', server: config.server.name, userId: user.id, details }));
    await audit.close();
  } catch (error) {
    fail(error);
  } finally {
    await close();
    if (source.isInitialized) await source.destroy();
    await cluster.close();
  }
}

function fail(error: unknown): undefined {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
