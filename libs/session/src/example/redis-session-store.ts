// A complete small store: sessions in Redis or Valkey, each change one script, so that it is atomic there.
import { StoreUnavailableError } from '../index.js';
import type { Found, SessionCapabilities, SessionRecord, SessionStore, WriteResult } from '../index.js';

/** What the store asks of a client; `createClient` of the package `redis` gives one. */
export interface RedisClient {
  eval(script: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>;
}

/** Kept on after its end, so that servers' clocks may differ. */
const MARGIN_MS = 10 * 60_000;

// A session is a hash: `record` (JSON), `version`, `idle` (the idle limit) and, once it is a tombstone, `ended`.
// Redis removes it by itself: a live one after the nearer of its limits, a tombstone after the absolute one.
const CREATE = `
  if redis.call('HEXISTS', KEYS[1], 'ended') == 1 then return 'gone' end
  local kept = redis.call('HMGET', KEYS[1], 'record', 'idle')
  if kept[1] then return kept end
  redis.call('HSET', KEYS[1], 'record', ARGV[1], 'version', ARGV[2], 'idle', ARGV[3], 'ends', ARGV[4])
  redis.call('PEXPIREAT', KEYS[1], math.min(ARGV[3], ARGV[4]) + ${MARGIN_MS})
  return 'done'`;

const READ = `
  local kept = redis.call('HMGET', KEYS[1], 'record', 'idle')
  return kept[1] and kept`;

const UPDATE = `
  local kept = redis.call('HMGET', KEYS[1], 'record', 'idle', 'version', 'ends')
  if not kept[1] then return 'gone' end
  if kept[3] ~= ARGV[3] then return kept end
  local idle = math.max(kept[2], ARGV[4])
  redis.call('HSET', KEYS[1], 'record', ARGV[1], 'version', ARGV[2], 'idle', idle)
  redis.call('PEXPIREAT', KEYS[1], math.min(idle, kept[4]) + ${MARGIN_MS})
  return 'done'`;

const TOUCH = `
  local kept = redis.call('HMGET', KEYS[1], 'record', 'idle', 'ends')
  if not kept[1] or tonumber(kept[2]) >= tonumber(ARGV[1]) then return end
  redis.call('HSET', KEYS[1], 'idle', ARGV[1])
  redis.call('PEXPIREAT', KEYS[1], math.min(ARGV[1], kept[3]) + ${MARGIN_MS})`;

const DESTROY = `
  local kept = redis.call('HMGET', KEYS[1], 'record', 'idle', 'version', 'ends')
  if not kept[1] then return 'gone' end
  if ARGV[1] ~= '' and kept[3] ~= ARGV[1] then return kept end
  redis.call('HDEL', KEYS[1], 'record')
  redis.call('HSET', KEYS[1], 'ended', 1)
  redis.call('PEXPIREAT', KEYS[1], kept[4] + ${MARGIN_MS})
  return 'done'`;

export class RedisSessionStore implements SessionStore {
  readonly capabilities: SessionCapabilities = {
    method: 'redis',
    mergesKeys: true,
    atomicUpdate: true,
    logoutWithinMs: 0,
    readsWhatYouSaw: true,
  };

  /** @param timeoutMs a server that has not answered by then cannot answer */
  constructor(
    private readonly client: RedisClient,
    private readonly timeoutMs = 800,
  ) {}

  async find(id: string): Promise<Found | undefined> {
    const kept = (await this.run(READ, id)) as string[] | null;
    return kept ? { record: toRecord(kept), userEpoch: 0 } : undefined;
  }

  async create(record: SessionRecord): Promise<WriteResult> {
    const { id, version, idleEndsAt, endsAt } = record;
    const result = toResult(await this.run(CREATE, id, JSON.stringify(record), version, idleEndsAt, endsAt));
    return result.status === 'conflict' ? { status: 'done', record: result.current } : result;
  }

  async update(record: SessionRecord, base: SessionRecord): Promise<WriteResult> {
    const { id, version, idleEndsAt } = record;
    return toResult(await this.run(UPDATE, id, JSON.stringify(record), version, base.version, idleEndsAt));
  }

  async touch(id: string, idleEndsAt: number): Promise<void> {
    await this.run(TOUCH, id, idleEndsAt);
  }

  async destroy(id: string, ifVersion?: number): Promise<WriteResult> {
    return toResult(await this.run(DESTROY, id, ifVersion ?? ''));
  }

  /** Redis removes what has ended. */
  sweep(): Promise<number> {
    return Promise.resolve(0);
  }

  private async run(script: string, id: string, ...values: (string | number)[]): Promise<unknown> {
    const late = new Promise<never>((_, reject) => {
      setTimeout(() => reject(new Error(`no answer in ${this.timeoutMs} ms`)), this.timeoutMs).unref();
    });
    try {
      const answer = this.client.eval(script, { keys: [`session:${id}`], arguments: values.map(String) });
      return await Promise.race([answer, late]);
    } catch (cause) {
      // Never "no session": a fault is not an absence.
      throw new StoreUnavailableError(`Redis could not answer: ${String(cause)}`, { cause });
    }
  }
}

/** The idle limit moves without the record. */
function toRecord([record, idle]: string[]): SessionRecord {
  return { ...(JSON.parse(record) as SessionRecord), idleEndsAt: Number(idle) };
}

function toResult(answer: unknown): WriteResult {
  if (answer === 'done' || answer === 'gone') return { status: answer };
  return { status: 'conflict', current: toRecord(answer as string[]) };
}
