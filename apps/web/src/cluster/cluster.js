// The live diagram of the cluster: the databases as its server sees them, and a trace of each request of this page.
/* global document, performance, EventSource, FormData, URLSearchParams */
const { base, session, asks, stateWords } = document.currentScript.dataset;
const words = JSON.parse(stateWords);
const byId = (id) => document.getElementById(id);
const all = (selector) => [...document.querySelectorAll(selector)];
const place = (name) => all('[data-place]').find((one) => one.dataset.place === name);
const rows = (kind) => new Map(all(`[data-${kind}]`).map((row) => [row.dataset[kind], row]));
const servers = rows('server');
const databases = rows('database');
const names = [...servers.keys()];
let home;
let mounts = [];

function made(tag, classes, ...children) {
  const element = document.createElement(tag);
  element.className = classes;
  element.append(...children);
  return element;
}

/**
 * The places that keep sessions: mounts, or the memory of the other servers. Each server reports its own view of them.
 */
function showPlaces(server, places) {
  mounts = places.filter(({ kind, state }) => kind === 'mount' && state === 'online').map(({ name }) => name);
  for (const { kind, name, state } of places) {
    if (kind === 'mount') mark(place(`mount:${name}`), state);
    const ways = [`server:${server} server:${name}`, `server:${name} server:${server}`];
    for (const way of all('[data-way]').filter((one) => ways.includes(one.dataset.way))) mark(way, state);
  }
  byId('places')?.replaceChildren(
    ...places.map(({ name, state, note }) => {
      const says = [made('span', `state ${state}`, words[state]), ' ', made('small', 'note', note)];
      return made('li', '', made('div', '', made('strong', '', name)), made('div', '', ...says));
    }),
  );
}

function mark(element, state) {
  element?.classList.remove('online', 'fenced', 'down');
  element?.classList.add(state);
}

/** The same state in the picture and in the row. */
function markMember(kind, name, row, state) {
  mark(place(`${kind}:${name}`), state);
  const shown = row?.querySelector('.state');
  mark(shown, state);
  if (shown) shown.textContent = words[state];
}

/** The state that a server sends once a second, and at every change. */
function show({ server, databases: shown, places, leader, home: newHome }) {
  home = newHome;
  for (const teller of all('.teller')) teller.textContent = server;
  if (byId('home')) byId('home').textContent = home === undefined ? '' : `Your session is on ${home}.`;
  for (const { name, state, note } of shown) {
    const row = databases.get(name);
    markMember('node', name, row, state);
    if (row) row.querySelector('.note').textContent = note;
  }
  showPlaces(server, places);
  if (byId('leader')) byId('leader').textContent = leader;
}

/** Highlights the path of the request for a moment. */
function light(server) {
  const ways = [
    'browser proxy',
    `proxy server:${server}`,
    `browser server:${server}`,
    home && `server:${server} node:${home}`,
  ];
  for (const name of mounts) ways.push(`server:${server} mount:${name}`);
  for (const line of all('[data-way]').filter((one) => ways.includes(one.dataset.way))) {
    line.classList.add('lit');
    setTimeout(() => line.classList.remove('lit'), 700);
  }
}

/** Sends one request, to any server or to the address of a given one, and adds its bar to the strip. */
async function ask(at = '') {
  const begun = performance.now();
  const answer = await fetch(at + asks, { cache: 'no-store' }).catch(() => undefined);
  const ms = Math.round(performance.now() - begun);
  const by = (answer?.ok && answer.headers.get('x-served-by')) || undefined;
  const bar = document.createElement('li');
  bar.textContent = by ? `${names.indexOf(by) + 1}` : '×';
  bar.title = by ? `${by}, ${ms} ms` : `no answer, ${ms} ms`;
  bar.className = by ? `by-${names.indexOf(by) % 6}` : 'none';
  bar.style.height = `${Math.min(6, 1.5 + ms / 100)}rem`;
  byId('strip').append(bar);
  while (byId('strip').children.length > 50) byId('strip').firstElementChild.remove();
  if (by) light(by);
  return by ? { by, ms, body: await answer.json() } : undefined;
}

async function visitAll() {
  const said = [];
  for (const [name, { dataset }] of servers) {
    const answer = await ask(dataset.base);
    const { user, items = {} } = answer?.body ?? {};
    const known = user ? `knows ${user.name}` : `has your cart (different items: ${Object.keys(items).length})`;
    said.push(answer ? `${answer.by} ${known}` : `${name} did not answer`);
    byId('answered').textContent = `${said.join('; ')}.`;
  }
}

/** Checks whether each server that has an address answers; a frozen one does not. */
function look() {
  for (const [name, row] of servers) {
    if (row.dataset.base === undefined) continue;
    fetch(`${row.dataset.base}/healthz`, { cache: 'no-store' })
      .then(
        // There are proxies that know no address of one server.
        ({ ok, status }) => (status === 404 ? undefined : ok),
        () => false,
      )
      .then((ok) => ok !== undefined && markMember('server', name, row, ok ? 'online' : 'down'));
  }
}

/** Buttons send their request without leaving the page, which would lose its trace. */
for (const form of all('.acts form'))
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const fields = new URLSearchParams(new FormData(form, event.submitter));
    const answer = await fetch(form.action, { method: 'POST', body: fields, redirect: 'manual' }).catch(
      () => undefined,
    );
    const begun = answer?.type === 'opaqueredirect';
    const act = `${event.submitter.textContent} ${form.dataset.label}`;
    byId('answered').textContent = begun ? `${act}: done.` : `${act}: failed. Please try again.`;
  });

for (const part of all('.live')) part.hidden = false;
byId('visit')?.addEventListener('click', visitAll);
const stream = new EventSource(`${base}/api/streams/cluster?session=${encodeURIComponent(session)}`);
stream.addEventListener('message', ({ data }) => show(JSON.parse(data)));
const whileSeen = (act) => () => document.visibilityState === 'visible' && act();
setInterval(whileSeen(look), 3000);
setInterval(
  whileSeen(() => ask()),
  2000,
);
look();
ask();
