// What the session method in use cannot do, in words for the people who use the site.
import type { SessionManager } from '@roam/session';

/** Empty for a method that keeps every promise. */
export function shortcomings({ capabilities, listsSessions, endsAllSessions, noticesTheft }: Abilities): string[] {
  const { atomicUpdate, mergesKeys, logoutWithinMs, readsWhatYouSaw } = capabilities;
  return [
    !listsSessions && 'Your devices cannot be listed, nor ended one by one.',
    !endsAllSessions && 'Your other sessions cannot be ended from here.',
    !noticesTheft && 'Somebody who has copied your cookie is not noticed, until the session ends.',
    logoutWithinMs > 0 &&
      `It takes up to ${logoutWithinMs / 1000} s until every server knows that you have signed out.`,
    !mergesKeys && 'Of two changes at the same moment, say in two tabs, one may be lost.',
    mergesKeys && !atomicUpdate && 'Of two changes of the same thing at the same moment only the later one counts.',
    !readsWhatYouSaw && 'A page may show for a moment what was there before your last change.',
  ].filter((sentence) => sentence !== false);
}

type Abilities = Pick<SessionManager, 'capabilities' | 'listsSessions' | 'endsAllSessions' | 'noticesTheft'>;
