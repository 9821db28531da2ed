// What a session of the benchmark holds: the same in every variant.
import { randomBytes } from 'node:crypto';

/** Bytes of JSON of a large session; two thirds of that in base64's source. */
const LARGE_BYTES = 5 * 1024;

/** About what a signed-in user's session holds: 350 bytes of JSON, or 5 KB. */
export function contentOf(userId, size) {
  const item = (name, quantity, cents) => ({ name, quantity, cents, addedAt: Date.now() });
  const content = {
    user: { id: userId, email: `person-${userId}@example.com`, name: 'Ada Example', roles: ['customer'] },
    cart: [item('apple', 3, 120), item('bread', 1, 450), item('coffee', 2, 799)],
    visits: 0,
  };
  if (size !== 'large') return content;
  const missing = LARGE_BYTES - JSON.stringify({ ...content, draft: '' }).length;
  return { ...content, draft: randomBytes(missing).toString('base64').slice(0, missing) };
}

export function newUserId() {
  return randomBytes(16).toString('hex');
}

/** What a handler answers: whose session it saw, and how often it was changed. The load checks both. */
export function answerOf({ user, visits }) {
  return { user: user.id, visits };
}
