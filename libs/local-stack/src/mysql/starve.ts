// Takes from a database what it needs: its connections, its progress as a replica.
import { createConnection, type Connection } from 'mysql2/promise';
import type { Database } from '../types.js';

/**
 * Uses up the connections of a node until what it returns is called: who connects is told "Too many connections"
 * (1040), and who was connected stays. MySQL keeps one connection for administrators, which we hold.
 */
export async function exhaustConnections(node: Database): Promise<() => Promise<void>> {
  const admin = await createConnection(node.adminUrl);
  const held: Connection[] = [];
  try {
    const [rows] = await admin.query('SELECT @@GLOBAL.max_connections AS most');
    const [{ most }] = rows as [{ most: number }];
    const [used] = await admin.query("SHOW GLOBAL STATUS LIKE 'Threads_connected'");
    // The administrator's one connection beyond the limit is not taken: ours is within it.
    const [{ Value: connected }] = used as [{ Value: string }];
    await admin.query(`SET GLOBAL max_connections = ${Math.max(1, Number(connected))}`);
    // The least is 1, and others may have left meanwhile: fill up what is free, with the app's account.
    for (;;) {
      const one = await createConnection(node.url).catch((error: { errno?: number }) => {
        if (error.errno === 1040) return undefined;
        throw error as Error;
      });
      if (!one) break;
      one.on('error', () => undefined);
      held.push(one);
    }
    return async () => {
      await admin.query(`SET GLOBAL max_connections = ${most}`);
      for (const one of held) one.destroy();
      await admin.end();
    };
  } catch (error) {
    for (const one of held) one.destroy();
    admin.destroy();
    throw error;
  }
}

/**
 * A node stays as it is: it serves reads, applies nothing from other nodes, and its own writes wait, until what it
 * returns is called.
 */
export async function holdApplier(node: Database): Promise<() => Promise<void>> {
  const admin = await createConnection(node.adminUrl);
  try {
    await admin.query('FLUSH TABLES WITH READ LOCK');
  } catch (error) {
    admin.destroy();
    throw error;
  }
  return async () => {
    await admin.query('UNLOCK TABLES');
    await admin.end();
  };
}
