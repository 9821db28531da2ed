// How a connection to MySQL is secured, where the site names the authority that it trusts.
import type { SslOptions } from 'mysql2';

/** @param ca PEM; also the name in the certificate must be the host's that was asked for, which mysql2 leaves out by default */
export function tlsWith(ca: string): SslOptions {
  return { ca, rejectUnauthorized: true, verifyIdentity: true, minVersion: 'TLSv1.2' };
}
