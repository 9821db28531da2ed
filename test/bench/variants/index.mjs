// What is compared. A variant starts from the settings that `stand.mjs` gives it: `create` begins a session and sets its
// cookie, `read` answers from it, `change` changes one key, `login` puts a new session in its place. `imports` are Nest
// modules that the server needs, `middleware` is Express's.
import * as floor from './floor.mjs';
import * as roam from './roam.mjs';

export async function openVariant(name, settings) {
  const own = { ...floor, ...roam }[name];
  if (own) return own(settings);
  // Installed at the first use only.
  const { peers } = await import('../peers/variants.mjs');
  return peers[name](settings);
}
