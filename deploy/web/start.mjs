// Starts a web server of docker-compose.yml under the name web1, web2, …: the number that Docker gave its container.
import { resolvePtr } from 'node:dns/promises';
import { networkInterfaces } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

const TRIES = 20;
const PAUSE_MS = 250;

/** Docker's name server knows a container's address by its name: PROJECT-web-NUMBER.NETWORK. */
async function numberOfContainer() {
  const addresses = Object.values(networkInterfaces())
    .flat()
    .filter(({ internal, family }) => !internal && family === 'IPv4')
    // `dns.reverse` would look into /etc/hosts first, which knows the container's id only.
    .map(({ address }) => `${address.split('.').reverse().join('.')}.in-addr.arpa`);
  const names = await Promise.all(addresses.map((address) => resolvePtr(address).catch(() => [])));
  return /-web-(\d+)\./.exec(names.flat().join(' '))?.[1];
}

async function serverName() {
  for (let tries = 0; tries < TRIES; tries++) {
    const number = await numberOfContainer();
    if (number) return `web${number}`;
    await sleep(PAUSE_MS);
  }
  throw new Error("Docker's name server does not tell this container's name; set SERVER_NAME");
}

process.env.SERVER_NAME ??= await serverName();
await import('../../apps/web/dist/main.js');
