// The keeper as a process: forms the group of the configured MySQL servers and keeps it.
//
//   node dist/group/main.js          keeps the group until SIGTERM or SIGINT
//   node dist/group/main.js check    exits 0 when every node is ONLINE, else 1 (for a health check; says what is missing)
//
// Settings (environment; each password also as NAME_FILE, the path of a file that holds it):
//   GROUP_NODES           host:port of every node, comma-separated (the port defaults to 3306): required
//   GROUP_PORTS           three or more ports of the group's own, free on every node: a node takes the next one each time that it
//                         joins, where the others do not yet look for it in vain (default: it stays where it is)
//   GROUP_USER            an account with all rights on every node (default root); the README says what is enough
//                         with GROUP_CREATE_ACCOUNTS off
//   GROUP_PASSWORD        its password: required
//   GROUP_CA              the certificate (PEM) of the authority that signed the nodes': connects by TLS then; also GROUP_CA_FILE
//   REPLICATION_USER      the account by which nodes copy from each other (default replication); made where missing
//   REPLICATION_PASSWORD  its password: required
//   APP_USER              the web servers' account; made where missing, with its database; none when not set
//   APP_PASSWORD          its password: required with APP_USER
//   APP_DATABASE          its database (default roam)
//   MIGRATION_USER        the account that changes the tables of that database; the web servers' may then only read, until
//                         the migrations give it more; made where missing, none when not set
//   MIGRATION_PASSWORD    its password: required with MIGRATION_USER
//   GROUP_CREATE_ACCOUNTS off: the accounts are there already, and the keeper needs no rights to make any (default on)
//
// Accounts and database are made on each node before it joins, outside of the binary log: images must not make a
// database or users themselves, which would be a transaction of its own on each node.
import { readSettings, GroupSettingsError } from './config/settings.js';
import { keepGroup } from './form.js';
import type { GroupOptions } from './keeper.js';
import { nameOf, observe } from './node.js';

function log(message: string): void {
  console.log(`${new Date().toISOString()} ${message}`);
}

/** Only looks: a check must never begin anything. */
async function check({ nodes, admin, answerTimeoutMs = 2000 }: GroupOptions): Promise<boolean> {
  const observations = await Promise.all(nodes.map((node) => observe(node, admin, answerTimeoutMs)));
  for (const { node, answer, failure } of observations) console.log(`${nameOf(node)} ${answer?.state ?? failure}`);
  return observations.every(({ answer }) => answer?.state === 'ONLINE');
}

try {
  const settings = readSettings();
  if (process.argv[2] === 'check') {
    process.exitCode = (await check(settings)) ? 0 : 1;
  } else {
    const stop = new AbortController();
    for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stop.abort());
    await keepGroup({ ...settings, log, signal: stop.signal });
    // A START GROUP_REPLICATION under way goes on in its server; nothing here has to wait for it.
    process.exit(0);
  }
} catch (error) {
  if (!(error instanceof GroupSettingsError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
