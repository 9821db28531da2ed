// Which routes have to do with identities: those of controllers that write to the audit log.
import type { Type } from '@nestjs/common';
import { AuditService } from '../audit/audit.service.js';
import type { Route } from '../routes/collect-routes.js';

/**
 * Whether a route's controller, or a service that it has, writes to the audit log. A feature that does not checks no identity
 * and changes nothing that protects an account.
 */
export function isAudited({ of }: Route): boolean {
  return of !== undefined && hasAudit(of.controller);
}

function hasAudit(type: Type): boolean {
  const parts = (Reflect.getMetadata('design:paramtypes', type) ?? []) as Type[];
  return type === AuditService || parts.some(hasAudit);
}
