// While the sessions' store cannot answer: refuses at once, before any handler, what would have to write.
import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { SessionManager } from '@roam/session/nest';
import type { Request } from 'express';
import { OutageError } from '../http/app.errors.js';

/** Marks the handlers that write and work all the same: a logout waits for the store by itself. */
export const WorksInOutage = Reflector.createDecorator<true>();

const safe = ['GET', 'HEAD', 'OPTIONS'];

@Injectable()
export class OutageGuard implements CanActivate {
  constructor(
    private readonly sessions: SessionManager,
    private readonly reflector: Reflector,
  ) {}

  /** @throws {OutageError} */
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<Request>();
    if (safe.includes(request.method) || this.reflector.get(WorksInOutage, context.getHandler())) return true;
    if (this.sessions.isStoreDown || request.session?.info.asOf !== undefined) throw new OutageError();
    return true;
  }
}
