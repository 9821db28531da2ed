// The version of a Redis or Valkey server.
import { once } from 'node:events';
import { connect } from 'node:net';

export async function redisVersion(url) {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname, () => socket.write('INFO server\r\n'));
  const [answer] = await once(socket, 'data');
  socket.destroy();
  return /^redis_version:(\S+)/m.exec(answer.toString())?.[1];
}
