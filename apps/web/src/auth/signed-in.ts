// The signed-in user as the session keeps it: all that a request needs, so that no request looks the user up.
import type { ExecutionContext } from '@nestjs/common';
import { sessionOf } from '@roam/session/nest';
import type { Request } from 'express';
import type { PublicUser } from '../users/user.entity.js';

/** `request.user` of a signed-in request. */
export interface SignedIn extends PublicUser {
  /** When the identity was last proved, in milliseconds since 1970. */
  readonly authenticatedAt: number;
  /** The browser and address that signed in, for the list of devices. */
  readonly userAgent: string;
  readonly ip: string;
  /** Whether this session has proved a second factor that the user still has. Missing where it has not. */
  readonly twoFactors?: boolean;
  /** What `twoFactors` came to at the sign-in: for servers of the earlier release, which decide by it. */
  readonly mustEnrol?: boolean;
}

declare global {
  // eslint-disable-next-line @typescript-eslint/no-namespace
  namespace Express {
    // eslint-disable-next-line @typescript-eslint/no-empty-object-type
    interface User extends SignedIn {}
  }
}

/** The user that Passport keeps in a session of this content. */
export function signedInOf({ passport }: Readonly<Record<string, unknown>>): SignedIn | undefined {
  return (passport as { readonly user?: SignedIn } | undefined)?.user;
}

/**
 * Who is signed in, for guards: of a request, or of a gateway's socket as its session was when it was read last.
 * @throws SessionUsageError for a socket without a session
 */
export function userOf(context: ExecutionContext): SignedIn | undefined {
  if (context.getType() === 'http') return context.switchToHttp().getRequest<Request>().user;
  return signedInOf(sessionOf(context.switchToWs().getClient<object>()).content);
}
