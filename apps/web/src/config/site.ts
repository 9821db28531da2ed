// The name of the site, which stands nowhere else: on pages, in e-mails, authenticator apps, passkeys and the API's
// description, and as a word that is too weak for a password. Metrics keep their prefix: dashboards and alerts know them by it.

export const siteName = 'roam';

/** In which its people answer, for `security.txt` (RFC 5646). */
export const siteLanguages = 'en';
