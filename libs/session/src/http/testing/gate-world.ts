// Two servers, one with a gate before its responses: runs a planned handler on one of them, seen from both ends.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Gate } from '../response-gate.js';
import type { Plan } from './handler-plan.js';
import { HandlerRun, type Trace } from './handler-run.js';

/** Puts a gate before a response; undefined: none. */
export type Install = ((response: ServerResponse, gate: Gate) => void) | undefined;

export interface Observation {
  readonly trace: Trace;
  /** All bytes that the client got, as latin1. */
  readonly received: string;
  /** Bytes of the final response came before the commit was over. */
  readonly isEarly: boolean;
  /** The connection, the response or the handler did not come to an end. */
  readonly hangs: boolean;
}

const HANGS_AFTER_MS = 3000;
const SLOW_MS = 8;
const CRLF = '\r\n';

interface Running {
  readonly plan: Plan;
  readonly client: Socket;
  readonly received: () => string;
  isEarly: boolean;
  isCommitting: boolean;
  trace?: Trace;
  handled(): void;
}

export class GateWorld {
  private readonly runs = new Map<string, Running>();
  private readonly server: Server;
  private count = 0;

  constructor(private readonly install: Install) {
    this.server = createServer((request, response) => this.serve(request, response));
  }

  async open(): Promise<void> {
    await new Promise<void>((listening) => this.server.listen(0, '127.0.0.1', listening));
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((closed) => this.server.close(closed));
  }

  /** Sends two requests at once; the first is served by the handler. */
  async run(plan: Plan): Promise<Observation> {
    const url = `/${this.count++}`;
    const client = connect({ port: (this.server.address() as AddressInfo).port, host: '127.0.0.1', noDelay: true });
    const chunks: Buffer[] = [];
    const received = () => Buffer.concat(chunks).toString('latin1');
    client.on('data', (bytes: Buffer) => chunks.push(bytes)).on('error', () => undefined);
    const ended = new Promise<void>((resolve) => client.on('close', () => resolve()));
    let running!: Running;
    const handled = new Promise<void>((handled) => {
      running = { plan, client, received, isEarly: false, isCommitting: false, handled };
    });
    this.runs.set(url, running);
    const body = plan.method === 'POST' ? `Content-Length: 2${CRLF}${CRLF}hi` : CRLF;
    client.write(`${plan.method} ${url} HTTP/${plan.version}${CRLF}Host: x${CRLF}${body}`);
    // HTTP/1.0 has one request per connection.
    if (plan.version === '1.1')
      client.write(`GET /second HTTP/1.1${CRLF}Host: x${CRLF}Connection: close${CRLF}${CRLF}`);
    const done = Promise.all([ended, handled]).then(() => this.settle(running));
    const hangs = (await Promise.race([done, sleep(HANGS_AFTER_MS, 'late', { ref: false })])) === 'late';
    this.runs.delete(url);
    client.destroy();
    return { trace: running.trace!, received: received(), isEarly: running.isEarly, hangs };
  }

  /** Gives what is left over its turn: the response's close and the last callbacks. */
  private async settle(running: Running): Promise<void> {
    const isOver = () => running.trace!.heard.includes('close') && !running.isCommitting;
    for (let turns = 0; turns < 3; turns = isOver() ? turns + 1 : 0) await sleep(1);
  }

  private serve(request: IncomingMessage, response: ServerResponse): void {
    const running = this.runs.get(request.url!);
    if (!running) return void response.end('second');
    const leave = async () => {
      const { socket } = request;
      const left = new Promise<void>((resolve) =>
        socket.destroyed ? resolve() : socket.once('close', () => resolve()),
      );
      running.client.destroy();
      await left;
    };
    response.setHeader('X-Before', '1');
    const { plan } = running;
    const run = new HandlerRun(
      this.install ? plan : { ...plan, listens: true },
      response,
      leave,
      () => running.isCommitting,
    );
    running.trace = run.trace;
    this.install?.(response, gateFor(running, run));
    void run.run().then(() => running.handled());
  }
}

export const FAILURE = 'the session failed';

function gateFor(running: Running, run: HandlerRun): Gate {
  return {
    before: () => {
      const { commit } = running.plan;
      if (commit === 'none') return undefined;
      if (commit === 'fast') return Promise.resolve();
      running.isCommitting = true;
      return sleep(commit === 'slow' ? SLOW_MS : 2).then(() => {
        running.isCommitting = false;
        running.isEarly = finalOf(running.received()) !== '';
        run.trace.awaited = [...run.trace.given];
        if (commit === 'failing') throw new Error('on purpose');
      });
    },
    onHead: () => [
      { name: 'Set-Cookie', value: 'gate=1' },
      { name: 'Cache-Control', merge: (own) => (own === undefined ? 'gate' : undefined) },
    ],
    onFailure: async () => {
      const headers = { 'Content-Length': String(FAILURE.length), 'X-Failed': '1' };
      return [{ status: 503, headers, body: FAILURE }];
    },
    onUnheardError: (error) => run.hearError(error),
    onClosed: () => undefined,
  };
}

const INFORMATIONAL = /^(?:HTTP\/1\.1 1\d\d [^]*?\r\n\r\n)*/;

/** What was received before the final response: the informational ones. */
export function informationalOf(received: string): string {
  return INFORMATIONAL.exec(received)![0];
}

export function finalOf(received: string): string {
  return received.slice(informationalOf(received).length);
}
