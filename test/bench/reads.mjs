// Readers who come at a steady rate, one by one, whether those before them have their answer or not.
import { once } from 'node:events';
import { Agent, get } from 'node:http';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { answerParent } from './process.mjs';

const agent = new Agent({ keepAlive: true });

/** Milliseconds until the whole answer was there. */
async function read(url, cookie) {
  const sentAt = performance.now();
  const [answer] = await once(get(url, { agent, headers: { cookie } }), 'response');
  if (answer.statusCode !== 200) throw new Error(`${url} answered ${answer.statusCode}`);
  await once(answer.resume(), 'end');
  return performance.now() - sentAt;
}

answerParent({
  async read({ url, cookie, perSecond, seconds }) {
    const amount = perSecond * seconds;
    const answers = [];
    const began = performance.now();
    while (answers.length < amount) {
      answers.push(read(url, cookie));
      await sleep(began + (answers.length * 1_000) / perSecond - performance.now());
    }
    const times = (await Promise.all(answers)).sort((one, other) => one - other);
    const below = (share) => Number(times[Math.ceil(times.length * share) - 1].toFixed(1));
    return { p50: below(0.5), p99: below(0.99), longest: below(1) };
  },
});
