// Who belongs to the site when a name server leaves out a member.
import { afterEach, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { Membership } from './membership.js';
import { defaultTimings } from './options.js';
import { linkContext } from './testing/link-context.js';
import { freePorts } from './testing/site.js';
import { until } from './testing/until.js';

let silent: Server | undefined;
let membership: Membership | undefined;
let later = 0;

afterEach(() => {
  membership?.close();
  silent?.close();
  later = 0;
});

/** That of a site at a name, which leads to this address until it is told to leave it out. */
async function follow(host: string, port: number) {
  let addresses = [host];
  const context = linkContext({ dial: 100, resolve: 20 }, () => Date.now() + later);
  let asked = 0;
  const followed = (membership = new Membership(['web'], port, context, async () => {
    asked++;
    return addresses;
  }));
  await followed.follow();
  await until('it was dialled', () => followed.members[0].isTried);
  addresses = [];
  const before = asked;
  await until('the name was asked again', () => asked > before + 2);
  return followed;
}

it('keeps a silent member that the name server leaves out for as long as it may serve elsewhere', async () => {
  silent = createServer().listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const followed = await follow('127.0.0.1', (silent.address() as AddressInfo).port);
  expect(followed.members).toHaveLength(1);
  later = defaultTimings.forgetAfter + 1000;
  await until('it is forgotten', () => followed.members.length === 0);
});

it('forgets at once whom the name server leaves out, and whose machine says that nobody listens there', async () => {
  const followed = await follow('127.0.0.1', (await freePorts(1))[0]);
  await until('it is forgotten', () => followed.members.length === 0);
});
