// Fills the folder of the `file` method: the documents of `Generated` as the store writes them, but without a flush for each.
import { mkdirSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { keyOf } from '../../../libs/session/dist/methods/file/documents.js';
import { Seal, sealKeys } from '../../../libs/session/dist/methods/file/sealed-file.js';
import { HybridClock } from '../../../libs/session/dist/replica/hybrid-clock.js';
import { createReplica } from '../../../libs/session/dist/replica/replica.js';

const HOUR = 3_600_000;

/**
 * @param expired so many sessions more have ended an hour ago
 * @returns how many files those are that belong to living sessions, and their bytes on disk
 */
export function fillFolder(dir, secret, generated, expired, say) {
  const seal = new Seal(sealKeys([secret]));
  const clock = new HybridClock('web1');
  const made = new Set();
  const { bsize } = statfsSync(dir);
  let [files, bytes] = [0, 0];
  const write = (kind, id, document) => {
    const key = keyOf(kind, id);
    const folder = join(dir, kind, key.hash.slice(0, 3));
    if (!made.has(folder)) mkdirSync(folder, { recursive: true, mode: 0o700 });
    made.add(folder);
    const content = seal.close(`${kind}/${key.hash}.1`, JSON.stringify(document));
    writeFileSync(join(folder, `${key.hash}.1`), content, { mode: 0o600 });
    files += 1;
    bytes += Math.ceil(content.length / bsize) * bsize;
  };
  const { count, users } = generated;
  for (let n = 0; n < count; n++) {
    const record = generated.record(n);
    write('sessions', record.id, createReplica(record, clock.tick()));
    if (n % 100_000 === 99_999) say(`file: ${n + 1} sessions`);
  }
  for (let user = 0; user < users; user++) {
    const sessions = {};
    for (let n = user; n < count; n += users) sessions[generated.id(n)] = generated.record(n).endsAt;
    const userId = generated.userId(user);
    write('users', userId, { userId, epoch: generated.epoch(user), sessions });
  }
  const used = { files, bytes };
  const endedAt = Date.now() - HOUR;
  for (let n = count; n < count + expired; n++) {
    const record = { ...generated.record(n), idleEndsAt: endedAt, userId: null };
    write('sessions', record.id, createReplica(record, clock.tick()));
  }
  return used;
}
