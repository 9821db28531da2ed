// Admits administrators only; for all others there is nothing at the address.
import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { ApiSecurity } from '@nestjs/swagger';
import type { Request } from 'express';
import { AuditService } from '../audit/audit.service.js';
import { NotFoundError, NotSignedInError, OutageError } from '../http/app.errors.js';
import { Refuses } from '../http/describe.js';

@Injectable()
@ApiSecurity('session', ['admin'])
@Refuses([NotSignedInError, NotFoundError, OutageError])
export class AdminGuard implements CanActivate {
  constructor(private readonly audit: AuditService) {}

  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<Request>();
    if (!request.user) throw new NotSignedInError();
    if (!request.user.roles.includes('admin')) {
      this.audit.note('access-refused', request, {}, { path: request.path.slice(0, 200) });
      throw new NotFoundError();
    }
    // A role from an outage copy admits to nothing.
    if (request.session?.info.asOf !== undefined) throw new OutageError();
    return true;
  }
}
