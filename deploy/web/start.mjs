// Starts a web server of docker-compose.yml with what only its container knows: its name web1, web2, …, by the number that
// Docker gave the container, and the address of Docker's gateway, which all clients may have.
import { resolvePtr } from 'node:dns/promises';
import { networkInterfaces } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

const TRIES = 20;
const PAUSE_MS = 250;

/** Docker's name server knows a container's address by its name: PROJECT-web-NUMBER.PROJECT_NETWORK. */
async function ownNames() {
  const addresses = Object.values(networkInterfaces())
    .flat()
    .filter(({ internal, family }) => !internal && family === 'IPv4');
  const named = addresses.map(async ({ address, netmask }) => {
    // `dns.reverse` would look into /etc/hosts first, which knows the container's id only.
    const name = `${address.split('.').reverse().join('.')}.in-addr.arpa`;
    const names = await resolvePtr(name).catch(() => []);
    return names.map((each) => ({ name: each, address, netmask }));
  });
  return (await Promise.all(named)).flat();
}

/** Sets SERVER_NAME, unless it is set; resolves to the container's names. */
async function nameServer() {
  for (let tries = 0; tries < TRIES; tries++) {
    const names = await ownNames();
    const number = names.map(({ name }) => /-web-(\d+)\./.exec(name)?.[1]).find(Boolean);
    if (number) process.env.SERVER_NAME ??= `web${number}`;
    if (process.env.SERVER_NAME) return names;
    await sleep(PAUSE_MS);
  }
  throw new Error("Docker's name server does not tell this container's name; set SERVER_NAME");
}

/** Docker gives the gateway the first address of a network. */
function gatewayOf({ address, netmask }) {
  const [own, mask] = [address, netmask].map((text) => text.split('.').map(Number));
  return own.map((byte, i) => (byte & mask[i]) + (i === 3 ? 1 : 0)).join('.');
}

const names = await nameServer();
// nginx is reached through this network.
const gateways = names.filter(({ name }) => name.endsWith('_site')).map(gatewayOf);
const shared = [process.env.THROTTLE_SHARED_ADDRESSES, ...new Set(gateways)].filter(Boolean);
process.env.THROTTLE_SHARED_ADDRESSES = shared.join(',');
await import('../../apps/web/dist/main.js');
