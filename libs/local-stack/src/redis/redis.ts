// A Redis (or Valkey) server of this machine, for the tests of what is kept in one.
import { connect } from 'node:net';
import { join } from 'node:path';
import { findRedis } from '../programs/find.js';
import { commandLine } from '../programs/program.js';
import { ManagedProcess } from '../system/managed-process.js';
import { PortReservation } from '../system/ports.js';
import { makeRunDir } from '../system/run-dir.js';
import type { Progress, StackProcess } from '../types.js';

export interface RedisServer {
  /** `redis://127.0.0.1:PORT` */
  readonly url: string;
  /** Can be killed, frozen and started again; it keeps nothing over a restart. */
  readonly process: StackProcess;
  stop(): Promise<void>;
}

/**
 * Starts a server on a free port of loopback, which ends with this process.
 * @throws StackError when no server can be had or it does not start
 */
export async function startRedis(progress: Progress = () => undefined): Promise<RedisServer> {
  const program = await findRedis(progress);
  const [ports, run] = [new PortReservation(), makeRunDir()];
  const port = await ports.next();
  const name = `roam-redis-${port}`;
  const args = ['--bind', '127.0.0.1', '--port', String(port), '--dir', run.path, '--save', '', '--appendonly', 'no'];
  const process = new ManagedProcess({
    name: 'redis',
    ...(program.container === true && { container: name }),
    command: () => commandLine(program, args, program.container === true ? name : undefined),
    env: () => globalThis.process.env,
    logFile: join(run.path, 'redis.log'),
    isReady: () => answersPing(port),
    readyTimeoutMs: 20_000,
    stopGraceMs: 3000,
  });
  const stop = async () => {
    await process.kill();
    ports.release();
    run.remove();
  };
  try {
    await process.start();
  } catch (error) {
    await stop();
    throw error;
  }
  return { url: `redis://127.0.0.1:${port}`, process, stop };
}

function answersPing(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'));
    const done = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(1000, () => done(false));
    socket.once('data', (data) => done(data.toString().startsWith('+PONG')));
    socket.once('error', () => done(false));
  });
}
