// While the session store cannot answer: refuses writes before any handler runs, and sends the time of the data that is
// shown.
import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { SessionManager } from '@roam/session/nest';
import type { Request, Response } from 'express';
import { OutageError } from '../http/app.errors.js';

/** Marks the handlers that write and still work: a sign-out waits for the store by itself. */
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
    // What a socket's message changes is refused by its session itself.
    if (context.getType() !== 'http') return true;
    const http = context.switchToHttp();
    const request = http.getRequest<Request>();
    const asOf = request.session?.info.asOf;
    if (asOf !== undefined) http.getResponse<Response>().set('X-Session-As-Of', new Date(asOf).toISOString());
    if (safe.includes(request.method) || this.reflector.get(WorksInOutage, context.getHandler())) return true;
    if (this.sessions.isStoreDown || asOf !== undefined) throw new OutageError();
    return true;
  }
}
