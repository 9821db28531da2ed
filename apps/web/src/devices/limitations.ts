// The limitations of the session method in use, in words for users.
import type { SessionManager, UserSessions } from '@roam/session';

/** Empty for a method that keeps every promise. */
export function limitations({ capabilities, noticesTheft, users }: Abilities): string[] {
  const { atomicUpdate, mergesKeys, logoutWithinMs, readsWhatYouSaw } = capabilities;
  return [
    !users.canList && 'Your devices cannot be listed, and you cannot sign them out one by one.',
    !users.canEndAll && 'You cannot sign out your other devices from here.',
    !noticesTheft && 'A stolen copy of your session cookie is not detected. It works until the session ends.',
    logoutWithinMs > 0 && `After you sign out, it takes up to ${logoutWithinMs / 1000} s to take effect everywhere.`,
    !mergesKeys && 'If you make two changes at the same moment, for example in two tabs, one may be lost.',
    mergesKeys &&
      !atomicUpdate &&
      'If you change the same thing twice at the same moment, only the later change counts.',
    !readsWhatYouSaw && 'For a moment, a page may show the data from before your last change.',
  ].filter((sentence) => sentence !== false);
}

type Abilities = Pick<SessionManager, 'capabilities' | 'noticesTheft'> & {
  readonly users: Pick<UserSessions, 'canList' | 'canEndAll'>;
};
