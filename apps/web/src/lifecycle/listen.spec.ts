// Listening: the error names the port in use and the setting that changes it.
import { afterEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { Agent, createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { listen } from './listen.js';
import { PublicListener } from './public-listener.js';

const servers: Server[] = [];
afterEach(() => servers.splice(0).forEach((server) => server.close() && server.closeAllConnections()));

/** A server that leaves each request unanswered; `arrival` gives the response of the next one. */
function holdingServer(): { http: Server; arrival: () => Promise<ServerResponse> } {
  const http = createServer();
  servers.push(http);
  const arrival = async () => ((await once(http, 'request')) as [IncomingMessage, ServerResponse])[1];
  return { http, arrival };
}

describe('listen', () => {
  it('says which port is in use and which setting to change', async () => {
    const first = holdingServer().http;
    await listen(first, 0, '127.0.0.1', 'PORT');
    const { port } = first.address() as AddressInfo;
    await expect(listen(holdingServer().http, port, '127.0.0.1', 'PORT')).rejects.toThrow(
      `Port ${port} is in use: another program listens on 127.0.0.1:${port}. Set PORT to a free port.`,
    );
  });
});

describe('PublicListener', () => {
  it('finishes what runs before it is closed, refuses the rest, and can open again', async () => {
    const { http, arrival } = holdingServer();
    const listener = new PublicListener(http, 0, '127.0.0.1');
    await listener.open();
    const url = `http://127.0.0.1:${listener.boundPort}/`;
    const arrived = arrival();
    const slow = fetch(url).then((response) => response.text());
    const held = await arrived;

    const closed = listener.close(5_000);
    await expect(fetch(url)).rejects.toThrow();
    held.end('done');
    expect(await slow).toBe('done');
    await closed;

    await listener.open();
    const next = arrival();
    const again = fetch(`http://127.0.0.1:${listener.boundPort}/`).then((response) => response.text());
    (await next).end('again');
    expect(await again).toBe('again');
  });

  it('ends kept-alive connections with their next answer, and idle ones soon', async () => {
    const { http } = holdingServer();
    http.on('request', (_request, response: ServerResponse) => response.end('done'));
    const listener = new PublicListener(http, 0, '127.0.0.1');
    await listener.open();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const url = `http://127.0.0.1:${listener.boundPort}/`;
    const ask = async () => {
      const [response] = (await once(request(url, { agent }).end(), 'response')) as [IncomingMessage];
      await once(response.resume(), 'end');
      return response.headers.connection;
    };
    const idle = connect(listener.boundPort, '127.0.0.1');
    idle.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await once(idle, 'data');
    expect(await ask()).toBe('keep-alive');
    const closed = listener.close(5_000);
    expect(await ask()).toBe('close');
    await once(idle.resume(), 'close');
    await closed;
    agent.destroy();
  });

  it('drops everything at once, unanswered, and can open again', async () => {
    const { http, arrival } = holdingServer();
    const listener = new PublicListener(http, 0, '127.0.0.1');
    await listener.open();
    const arrived = arrival();
    const dropped = fetch(`http://127.0.0.1:${listener.boundPort}/`).catch(() => 'dropped');
    const held = await arrived;
    listener.drop();
    expect(held.req.socket.destroyed).toBe(true);
    expect(await dropped).toBe('dropped');
    await listener.open();
    const next = arrival();
    const again = fetch(`http://127.0.0.1:${listener.boundPort}/`).then((response) => response.text());
    (await next).end('again');
    expect(await again).toBe('again');
  });

  it('drops, or cuts off after the grace, what was upgraded, and can open again', async () => {
    const { http } = holdingServer();
    http.on('upgrade', (_request, socket: Socket) => {
      socket.on('error', () => undefined);
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
    });
    const listener = new PublicListener(http, 0, '127.0.0.1');
    for (const end of [async () => listener.drop(), () => listener.close(50)]) {
      await listener.open();
      const socket = connect(listener.boundPort, '127.0.0.1').on('error', () => undefined);
      socket.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
      await once(socket, 'data');
      const closed = once(socket, 'close');
      await end();
      await closed;
    }
    await listener.open();
  });

  it('cuts off what does not end within the grace', async () => {
    const { http, arrival } = holdingServer();
    const listener = new PublicListener(http, 0, '127.0.0.1');
    await listener.open();
    const arrived = arrival();
    const stuck = fetch(`http://127.0.0.1:${listener.boundPort}/`).catch(() => 'cut off');
    await arrived;
    await listener.close(50);
    expect(await stuck).toBe('cut off');
  });
});
