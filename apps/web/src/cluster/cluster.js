// The live diagram of the cluster: the databases as its server sees them, and a trace of each request of this page.
/* global document, performance, EventSource, FormData, URLSearchParams */
const { base, session, asks } = document.currentScript.dataset;
const byId = (id) => document.getElementById(id);
const all = (selector) => [...document.querySelectorAll(selector)];
const place = (name) => all('[data-place]').find((one) => one.dataset.place === name);
const names = all('[data-server]').map((one) => one.dataset.server);
let home;
let mounts = [];

function made(tag, ...children) {
  const element = document.createElement(tag);
  element.append(...children);
  return element;
}

/**
 * The places that keep sessions: mounts, or the memory of the other servers. Each server reports its own view of them.
 */
function showPlaces(server, places, leader) {
  mounts = places.filter(({ kind, state }) => kind === 'mount' && state === 'online').map(({ name }) => name);
  for (const { kind, name, state } of places) {
    if (kind === 'mount') mark(place(`mount:${name}`), state);
    const ways = [`server:${server} server:${name}`, `server:${name} server:${server}`];
    for (const way of all('[data-way]').filter((one) => ways.includes(one.dataset.way))) mark(way, state);
  }
  byId('places')?.replaceChildren(
    ...places.map(({ name, state, reason }) => {
      const role = leader === undefined ? [] : [made('td', name === leader ? 'leads' : 'follows')];
      const row = made('tr', made('th', name), made('td', made('span', state)), ...role, made('td', reason ?? ''));
      row.firstElementChild.scope = 'row';
      row.querySelector('span').classList.add('state', state);
      return row;
    }),
  );
}

function mark(element, state) {
  element?.classList.remove('online', 'fenced', 'down');
  element?.classList.add(state);
}

/** The state that a server sends once a second, and at every change. */
function show({ server, nodes, places, leader, home: newHome }) {
  home = newHome;
  byId('teller').textContent = server;
  if (byId('home'))
    byId('home').textContent = home === undefined ? '' : `Your session is kept on its home node, ${home}.`;
  for (const { name, state, role, writable, lagMs, reason } of nodes) {
    mark(place(`node:${name}`), state);
    const row = all('[data-node]').find((one) => one.dataset.node === name);
    if (!row) continue;
    const [stateCell, roleCell, lagCell, noteCell] = row.querySelectorAll('td');
    mark(stateCell.firstElementChild, state);
    stateCell.firstElementChild.textContent = state;
    roleCell.textContent = role === undefined ? '–' : `${writable ? 'writable' : 'read only'}, ${role}`;
    lagCell.textContent = lagMs === undefined ? '–' : `${Math.round(lagMs)} ms`;
    noteCell.textContent = reason ?? '';
  }
  showPlaces(server, places, leader);
  if (byId('leader'))
    byId('leader').textContent =
      leader === null
        ? 'No web server leads now. Changes wait until one does.'
        : `${leader} leads. The other web servers follow it: they send it all changes.`;
}

/** Highlights the path of the request for a moment. */
function light(server) {
  const ways = ['browser proxy', `proxy server:${server}`, home && `server:${server} node:${home}`];
  for (const name of mounts) ways.push(`server:${server} mount:${name}`);
  for (const line of all('[data-way]').filter((one) => ways.includes(one.dataset.way))) {
    line.classList.add('lit');
    setTimeout(() => line.classList.remove('lit'), 700);
  }
}

/** Sends one request, to any server or to a given one, and adds its bar to the strip. */
async function ask(server) {
  const begun = performance.now();
  const answer = await fetch(`${server ? `/_server/${server}` : ''}${asks}`, { cache: 'no-store' }).catch(
    () => undefined,
  );
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
  for (const name of names) {
    const answer = await ask(name);
    const { user, items = {} } = answer?.body ?? {};
    const known = user ? `knows ${user.name}` : `has your cart (different items: ${Object.keys(items).length})`;
    said.push(answer ? `${answer.by} ${known}` : `${name} did not answer`);
    byId('answered').textContent = `${said.join('; ')}.`;
  }
}

/** Checks whether each server answers; a frozen one does not. */
function look() {
  for (const name of names)
    fetch(`/_server/${name}/healthz`, { cache: 'no-store' })
      .then(({ ok }) => ok)
      .catch(() => false)
      .then((ok) => mark(place(`server:${name}`), ok ? 'online' : 'down'));
}

/** Buttons send their request without leaving the page, which would lose its trace. */
for (const form of all('form.acts'))
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const fields = new URLSearchParams(new FormData(form, event.submitter));
    const answer = await fetch(form.action, { method: 'POST', body: fields, redirect: 'manual' }).catch(
      () => undefined,
    );
    const begun = answer?.type === 'opaqueredirect';
    byId('answered').textContent = `${fields.get('act')} ${fields.get('name')}: ${begun ? 'done' : 'failed'}.`;
  });

byId('live').hidden = false;
byId('visit').addEventListener('click', visitAll);
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
