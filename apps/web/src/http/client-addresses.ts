// The addresses of clients and proxies, as Express reads them from the connection and from `X-Forwarded-For`.
import express, { type Express, type Request } from 'express';
import { plainAddress } from '../config/plain-address.js';

type Trusts = (address: string | undefined, hop: number) => boolean;

/** Sets the trusted proxies. `request.ip`, `request.ips` and the trust in a proxy depend on no spelling of an address. */
export function clientAddresses(app: Express, trustedProxies: readonly string[]): void {
  app.set('trust proxy', trustedProxies.map(plainAddress));
  const trusts = app.get('trust proxy fn') as Trusts;
  // A network can be given in IPv6 spelling, so the address is compared as it came, too.
  const trustsAny: Trusts = (address = '', hop) => trusts(address, hop) || trusts(plainAddress(address), hop);
  app.set('trust proxy', trustsAny);
  Object.defineProperties(app.request, {
    ip: {
      get(this: Request): string | undefined {
        const ip: unknown = Reflect.get(express.request, 'ip', this);
        return typeof ip === 'string' ? plainAddress(ip) : undefined;
      },
    },
    ips: {
      get(this: Request): string[] {
        const ips: unknown = Reflect.get(express.request, 'ips', this);
        return (ips as string[]).map(plainAddress);
      },
    },
  });
}
