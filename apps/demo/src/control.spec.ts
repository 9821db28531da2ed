// The demo's socket: what is passed on to which process, and to whom it is open.
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { StackProcess } from '@roam/local-stack';
import { openControl } from './control.js';

let folder: string;
let close: () => void;
const done: string[] = [];
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'roam-control-'));
  const act = (name: string) => () => {
    done.push(name);
    return Promise.resolve();
  };
  const web1 = { name: 'web1', kill: act('kill'), freeze: act('freeze'), thaw: act('thaw'), start: act('start') };
  close = await openControl(join(folder, 'inner', 'socket'), {
    processes: () => new Map([['web1', web1 as unknown as StackProcess]]),
    say: () => undefined,
    onChange: async () => void done.push('changed'),
  });
});
afterEach(() => {
  close();
  rmSync(folder, { recursive: true });
  done.length = 0;
});

function send(body: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath: join(folder, 'inner', 'socket'), method: 'POST' }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    sent.once('error', reject).end(body);
  });
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 10));
}

describe("the demo's socket", () => {
  it('passes on what is asked, after it has answered', async () => {
    for (const [act, expected] of [
      ['kill', ['kill', 'changed']],
      ['freeze', ['freeze', 'changed']],
      ['revive', ['thaw', 'start', 'changed']],
    ] as const) {
      done.length = 0;
      expect(await send(JSON.stringify({ act, name: 'web1' }))).toBe(202);
      expect(done).toEqual([]);
      await until(() => done.length === expected.length);
      expect(done).toEqual(expected);
    }
  });

  it.each([
    ['a process that is not of the stack', '{"act":"kill","name":"init"}', 404],
    ['an act that it does not know', '{"act":"constructor","name":"web1"}', 404],
    ['what it cannot read', 'kill web1', 400],
  ])('refuses %s', async (_what, body, status) => {
    expect(await send(body)).toBe(status);
    // What is asked later is done later: when this is, whatever came of the other is too.
    expect(await send('{"act":"kill","name":"web1"}')).toBe(202);
    await until(() => done.includes('changed'));
    expect(done).toEqual(['kill', 'changed']);
  });

  it('lies where only this user may go', () => {
    expect(statSync(join(folder, 'inner')).mode & 0o777).toBe(0o700);
  });
});
