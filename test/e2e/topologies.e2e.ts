// 200 new users move between servers in each of the other three topologies: the replicas 5 seconds behind on purpose.
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { startStack, type Stack } from '@roam/local-stack';
import mysql from 'mysql2/promise';
import { expectNobodyLoggedOut } from '../support/moving-users.js';

jest.setTimeout(240_000);

let stack: Stack | undefined;
afterEach(async () => {
  await stack?.stop();
  stack = undefined;
});

describe('nobody is logged out by moving', () => {
  it('in a single-primary group', async () => {
    stack = await startStack({ topology: 'single-primary' });
    await expectNobodyLoggedOut(stack, 200);
  });

  it('on one MySQL server', async () => {
    stack = await startStack({ topology: 'single' });
    await expectNobodyLoggedOut(stack, 200);
  });

  it('on a source with two replicas that apply 5 seconds late (fleetdm/fleet#4469, laravel/framework#54231)', async () => {
    stack = await startStack({ topology: 'replicas' });
    const replicas = [];
    for (const node of stack.databases.nodes) if ((await node.role()) === 'replica') replicas.push(node);
    expect(replicas).toHaveLength(2);
    for (const { adminUrl } of replicas) {
      const connection = await mysql.createConnection(adminUrl);
      await connection.query('STOP REPLICA SQL_THREAD');
      await connection.query('CHANGE REPLICATION SOURCE TO SOURCE_DELAY = 5');
      await connection.query('START REPLICA SQL_THREAD');
      await connection.end();
    }
    await expectNobodyLoggedOut(stack, 200);
  });
});
