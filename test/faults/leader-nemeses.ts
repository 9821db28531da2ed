// What is done on purpose to the web server that leads, where the others follow it.
import { leaderOf, type WebServer } from '@roam/local-stack';
import { until } from '../support/until.js';
import { isRefusal } from './history.js';
import { away, freezeAndThaw, killAndRestart } from './nemeses.js';
import { cutOff } from './network-nemeses.js';
import type { Fault, Scene } from './scene.js';

/** Reads go on; a write waits for the next leader, or is told to come again. */
const LONGEST_WAIT_MS = 3_000;
const mayFail: Fault['mayFail'] = (operation) =>
  isRefusal(operation) && !['me', 'read', 'list'].includes(operation.action);

async function leading({ stack }: Scene): Promise<WebServer> {
  let leader: WebServer | undefined;
  await until('a web server leads', async () => {
    const name = await leaderOf(stack);
    leader = stack.servers.find((server) => server.name === name);
    return leader !== undefined;
  });
  return leader!;
}

/** @param role `follower`: the first that does not lead */
async function chosen(scene: Scene, role: 'leader' | 'follower'): Promise<WebServer> {
  const leader = await leading(scene);
  return role === 'leader' ? leader : scene.stack.servers.find((server) => server !== leader)!;
}

const fault = (
  name: string,
  role: 'leader' | 'follower',
  inject: (server: WebServer, scene: Scene) => Promise<void>,
): Fault => ({
  name,
  inject: async (scene) => {
    const server = await chosen(scene, role);
    await away(scene, server, () => inject(server, scene));
  },
  longestWait: LONGEST_WAIT_MS,
  ...(role === 'leader' && { mayFail }),
});

export const killLeader = fault('kill -9 the leader', 'leader', killAndRestart);
export const killFollower = fault('kill -9 a follower', 'follower', killAndRestart);
export const freezeLeader = fault('freeze the leader 15 s, thaw', 'leader', freezeAndThaw);
export const freezeFollower = fault('freeze a follower 15 s, thaw', 'follower', freezeAndThaw);
export const cutLeader = fault('cut the leader off the other servers and the database', 'leader', cutOff);
export const cutFollower = fault('cut a follower off the other servers and the database', 'follower', cutOff);
