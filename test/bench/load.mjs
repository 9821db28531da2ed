// The load: makes sessions and sends requests with their cookies, as so many browsers would.
import autocannon from 'autocannon';
import { answerParent } from './process.mjs';

const CONNECTIONS = 32;

/** Each server's cookies by its url, one jar per session. */
const jars = new Map();

function keep(jar, setCookies) {
  for (const cookie of [setCookies ?? []].flat()) {
    const [pair] = cookie.split(';');
    jar.set(pair.slice(0, pair.indexOf('=')), pair);
  }
}

/** One after the other: no session is used by two requests at once. */
function rotation(sessions) {
  let next = 0;
  return () => sessions[next++ % sessions.length];
}

/** Sends requests, each with the cookies of `nextJar()`, for `duration` seconds or until `amount` were answered. */
async function send(url, method, path, nextJar, length) {
  let refused;
  const request = {
    method,
    path,
    setupRequest(given, context) {
      context.jar = nextJar();
      return { ...given, headers: { cookie: [...context.jar.values()].join('; ') } };
    },
    onResponse(status, body, { jar }, headers) {
      keep(jar, headers['Set-Cookie']);
      if (status >= 300) refused ??= `${status} ${body}`;
    },
  };
  const result = await autocannon({ url, connections: CONNECTIONS, sampleInt: 100, requests: [request], ...length });
  const { errors, timeouts, non2xx } = result;
  if (errors + timeouts + non2xx > 0)
    throw new Error(
      `${method} ${url}${path} failed: ${errors} broken connections, ${timeouts} timeouts, ${non2xx} refusals (first: ${refused})`,
    );
  return result;
}

answerParent({
  async makeSessions({ url, amount }) {
    const made = [];
    const nextJar = () => {
      made.push(new Map());
      return made.at(-1);
    };
    await send(url, 'POST', '/create', nextJar, { amount });
    // The load builds a few requests that it never sends.
    jars.set(
      url,
      made.filter((jar) => jar.size > 0),
    );
  },

  async measure({ url, action, ...length }) {
    const method = action === 'read' ? 'GET' : 'POST';
    const result = await send(url, method, `/${action}`, rotation(jars.get(url)), length);
    const { duration, latency } = result;
    return { requests: result['2xx'], seconds: duration, p50: latency.p50, p99: latency.p99 };
  },
});
