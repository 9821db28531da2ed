// Admits requests of the API, and messages of sockets, of users who are signed in.
import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { ApiSecurity } from '@nestjs/swagger';
import { NotSignedInError } from '../http/app.errors.js';
import { Refuses } from '../http/describe.js';
import { userOf } from './signed-in.js';

@Injectable()
@ApiSecurity('session')
@Refuses([NotSignedInError])
export class SignedInGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    if (!userOf(context)) throw new NotSignedInError();
    return true;
  }
}
