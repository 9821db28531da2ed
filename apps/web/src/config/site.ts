// The name of the site: in e-mails and authenticator apps, and as a word that is too weak for a password.

export const siteName = 'roam';
