// The load: makes sessions and sends requests with their cookies, as so many browsers would, and checks each answer.
import autocannon from 'autocannon';
import { answerParent } from './process.mjs';

const CONNECTIONS = 32;
/** What RFC 6265 (section 6.1) makes browsers keep. */
const COOKIE_BYTES = 4096;
/** Of a browser that loads a page. */
const PARALLEL_REQUESTS = 4;
/** In `mixed` and `large`, one request in this many changes the session. */
const CHANGE_EVERY = 10;

const routes = {
  create: { method: 'POST', path: '/create' },
  'create-large': { method: 'POST', path: '/create?size=large' },
  read: { method: 'GET', path: '/read' },
  change: { method: 'POST', path: '/change' },
  login: { method: 'POST', path: '/login' },
};

/** The browsers by server and size of their session: cookies, whose session it is, and how often it was changed at least. */
const browsers = new Map();

/** All actions but one share their browsers. */
const keyOf = (url, action) => `${url} ${action === 'large' ? 'large' : ''}`;

const newBrowser = () => ({ cookies: new Map(), user: undefined, visits: 0, isSigningIn: false });

function keep({ cookies }, headers) {
  for (const cookie of [headers['Set-Cookie'] ?? headers['set-cookie'] ?? []].flat()) {
    const [pair] = cookie.split(';');
    const name = pair.slice(0, pair.indexOf('='));
    if (cookie.length > COOKIE_BYTES) return `a cookie of ${cookie.length} bytes, which browsers do not keep`;
    if (/; *(max-age=0\b|expires=Thu, 01 Jan 1970)/i.test(cookie)) cookies.delete(name);
    else cookies.set(name, pair);
  }
  return undefined;
}

/** What is wrong with an answer, beside its status: another user's session, or one from before an answered change. */
function faultOf(body, { browser, kind, visits }) {
  const answer = JSON.parse(body);
  if (kind === 'login' || kind.startsWith('create')) {
    Object.assign(browser, answer);
    return undefined;
  }
  if (answer.user !== browser.user) return `the session of ${answer.user} and not of ${browser.user}`;
  const least = kind === 'change' ? visits + 1 : visits;
  if (answer.visits < least) return `a stale session: changed ${answer.visits} times and not ${least}`;
  browser.visits = Math.max(browser.visits, answer.visits);
  return undefined;
}

/** Which browser sends what next. All of them take turns, so that none is asked twice at once but where this is meant. */
function planOf(action, all) {
  let sent = 0;
  const changesNow = (n) => (n + Math.floor(n / all.length)) % CHANGE_EVERY === 0;
  return () => {
    const n = sent++;
    if (action === 'parallel') return { browser: all[Math.floor(n / PARALLEL_REQUESTS) % all.length], kind: 'read' };
    const isMixed = action === 'mixed' || action === 'large';
    const kind = isMixed ? (changesNow(n) ? 'change' : 'read') : action;
    return { browser: all[n % all.length], kind };
  };
}

/**
 * Sends the requests of a plan for `duration` seconds or until `amount` were answered, by 32 `connections` or fewer; throws
 * on any wrong answer.
 */
async function send(url, plan, { verify = true, ...length }) {
  let fault;
  const request = {
    method: 'GET',
    setupRequest(given, context) {
      Object.assign(context, plan());
      const { browser, kind } = context;
      context.visits = browser.visits;
      if (kind === 'login') browser.isSigningIn = true;
      return { ...given, ...routes[kind], headers: { cookie: [...browser.cookies.values()].join('; ') } };
    },
    onResponse(status, body, context, headers) {
      if (status >= 300) {
        fault ??= `${context.kind} was answered ${status} ${body}`;
        return;
      }
      context.browser.isSigningIn = false;
      const wrong = keep(context.browser, headers) ?? (verify ? faultOf(body, context) : undefined);
      if (wrong !== undefined) fault ??= `${context.kind} was answered with ${wrong}`;
    },
  };
  const connections = Math.min(CONNECTIONS, length.amount ?? Infinity);
  const result = await autocannon({ url, connections, sampleInt: 100, requests: [request], ...length });
  const { errors, timeouts, non2xx } = result;
  if (fault !== undefined || errors + timeouts + non2xx > 0)
    throw new Error(
      `${errors} broken connections, ${timeouts} timeouts, ${non2xx} refusals${fault === undefined ? '' : `; first: ${fault}`}`,
    );
  return result;
}

async function makeBrowsers({ url, amount, large, verify }) {
  const made = [];
  const plan = () => {
    made.push(newBrowser());
    return { browser: made.at(-1), kind: large ? 'create-large' : 'create' };
  };
  await send(url, plan, { amount, verify });
  // The load builds a few requests that it never sends.
  return made.filter(({ cookies }) => cookies.size > 0).slice(0, amount);
}

answerParent({
  async makeSessions({ url, ...options }) {
    browsers.set(keyOf(url, options.large ? 'large' : 'read'), await makeBrowsers({ url, ...options }));
  },

  /**
   * One request of each browser, so that the next turn finds no more sessions that are due for a touch than a busy site has:
   * while the other variants were measured, all of them have become so.
   */
  async prepare({ url, action, verify }) {
    const all = browsers.get(keyOf(url, action));
    await send(url, planOf('read', all), { verify, amount: all.length });
  },

  async warmUp({ url, action, ...options }) {
    await send(url, planOf(action, browsers.get(keyOf(url, action))), options);
  },

  async measure({ url, action, ...options }) {
    const { duration, latency, ...result } = await send(url, planOf(action, browsers.get(keyOf(url, action))), options);
    if (result['2xx'] === 0) throw new Error(`no request was answered in ${duration} s: use a greater --seconds`);
    return { requests: result['2xx'], seconds: duration, p50: latency.p50, p99: latency.p99 };
  },

  /** A sign-in whose answer was cut off at the end of a turn has ended the browser's session: it gets a new one. */
  async restore({ url, action, verify }) {
    const all = browsers.get(keyOf(url, action));
    const kept = all.filter(({ isSigningIn }) => !isSigningIn);
    const missing = all.length - kept.length;
    if (missing > 0) kept.push(...(await makeBrowsers({ url, amount: missing, large: action === 'large', verify })));
    browsers.set(keyOf(url, action), kept);
  },
});
