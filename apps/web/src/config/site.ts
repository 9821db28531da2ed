// The name of the site: in e-mails and authenticator apps, and as a word that is too weak for a password.

export const siteName = 'roam';

/** In which its people answer, for `security.txt` (RFC 5646). */
export const siteLanguages = 'en';
