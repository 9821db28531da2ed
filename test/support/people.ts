// People for tests: each registers once, with data that no other test uses.
import type { Client } from './browser.js';

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
  const { status, text } = await client.post(`${at}/api/register`, person);
  if (status !== 201) throw new Error(`register answered ${status}: ${text}`);
  return person;
}
