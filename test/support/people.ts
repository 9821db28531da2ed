// People for tests: each registers once, with data that no other test uses.
import type { Client } from './browser.js';
import { retryRefused } from './retry-refused.js';

export interface Person {
  readonly email: string;
  readonly password: string;
  readonly name: string;
}

let counter = 0;

export function newPerson(): Person {
  const unique = `${process.pid}-${Date.now()}-${counter++}`;
  return { email: `person-${unique}@example.org`, password: `a long passphrase ${unique}`, name: `Person ${counter}` };
}

/** Registers a new person at this server (default: the client's own), which also logs in. */
export async function register(client: Client, at = client.origin): Promise<Person> {
  const person = newPerson();
  const first = await retryRefused((headers) => client.once('POST', `${at}/api/register`, person, headers));
  if (first.status === 201) return person;
  // A request that was refused may have opened the account; nginx gives the next one an id of its own.
  const isOpen = first.status === 409 && first.refused > 0;
  const login = () => retryRefused((headers) => client.once('POST', `${at}/api/login`, person, headers));
  const { status, text } = isOpen ? await login() : first;
  if (status !== 200) throw new Error(`register answered ${status}: ${text}`);
  return person;
}
