// When a server has to ask a peer before it answers.
import { afterEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { PeerLink, type LinkContext } from './peer-link.js';
import { serverSecurity } from './security.js';
import { linkContext } from './testing/link-context.js';
import { SECRET } from './testing/site.js';
import { until } from './testing/until.js';

function upLink(): PeerLink {
  const context = { onBehind: () => undefined, emit: () => undefined } as unknown as LinkContext;
  const link = new PeerLink('127.0.0.1', 1, context);
  link.state = 'up';
  return link;
}

describe('a server that was frozen', () => {
  it('is behind a peer that did not serve yet when it was last heard: it may have begun meanwhile', () => {
    const link = upLink();
    link.serving = false;
    expect(link.isBehind).toBe(false);
    link.suspect();
    expect(link.isBehind).toBe(true);
    link.confirm();
    expect(link.isBehind).toBe(false);
  });
});

describe('a peer that cannot be reached', () => {
  const servers: Server[] = [];
  const links: PeerLink[] = [];

  afterEach(() => {
    for (const link of links.splice(0)) link.stop();
    for (const server of servers.splice(0)) server.close();
  });

  const listening = async (server: Server): Promise<number> => {
    servers.push(server.listen(0, '127.0.0.1'));
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  };

  async function dialled(host: string, port: number): Promise<PeerLink> {
    const link = new PeerLink(host, port, linkContext({ dial: 10_000 }));
    links.push(link);
    link.hurry();
    await until('the attempt has ended', () => link.isTried);
    return link;
  }

  it.each(['nobody.invalid', '255.255.255.255'])('is silent where the network has no way to it: %s', async (host) => {
    expect((await dialled(host, 7946)).isSilent).toBe(true);
  });

  it('is not silent when its machine refuses or closes the connection', async () => {
    const unused = await listening(createServer());
    servers.pop()!.close();
    const closing = await listening(createServer((socket: Socket) => socket.end()));
    const resetting = await listening(
      createServer((socket: Socket) => socket.once('data', () => socket.resetAndDestroy())),
    );
    const other = createTlsServer(serverSecurity({ secret: `${SECRET}, and not this one` }));
    const foreign = await listening(other.on('tlsClientError', (_error, socket) => socket.destroy()));
    for (const port of [unused, closing, resetting, foreign])
      expect((await dialled('127.0.0.1', port)).isSilent).toBe(false);
  });
});
