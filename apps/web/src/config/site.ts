// What the site is called: in its mails and authenticator apps, and as a word that no password may lean on.

export const siteName = 'roam';
