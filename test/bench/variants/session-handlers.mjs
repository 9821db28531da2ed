// The handlers of the variants that put a session at the request: the same for each.
import { answerOf } from './content.mjs';

/** @param signIn puts the content into a session and answers @param regenerate puts a new session in the place of the old one */
export function sessionHandlers({ signIn, regenerate, close = async () => undefined }) {
  return {
    create: signIn,
    read: ({ session }) => answerOf(session),
    change: ({ session }) => {
      session.visits++;
      return answerOf(session);
    },
    async login(request) {
      await regenerate(request);
      return signIn(request);
    },
    close,
  };
}
