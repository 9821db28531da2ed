// The signed-in devices of a user: lists them, ends one or all others.
import { Injectable } from '@nestjs/common';
import { SessionUsageError } from '@roam/session';
import { SessionManager } from '@roam/session/nest';
import { AuditService } from '../audit/audit.service.js';
import { assertFresh } from '../auth/fresh.js';
import { signedInOf, type SignedIn } from '../auth/signed-in.js';
import { NotFoundError, NotSupportedError } from '../http/app.errors.js';
import type { Caller } from '../http/caller.js';
import { limitations } from './limitations.js';
import { deviceName } from './user-agent.js';
import { HoldsPersonalData, type Owner, type PersonalData } from '../users/personal-data.js';

/** A device as the API and the page show it. Times are milliseconds since 1970. */
export interface Device {
  readonly handle: string;
  readonly current: boolean;
  readonly createdAt: number;
  readonly lastSeenAt: number;
  readonly device: string;
  readonly ip: string;
}

@Injectable()
@HoldsPersonalData()
export class SessionsService implements PersonalData {
  constructor(
    private readonly sessions: SessionManager,
    private readonly audit: AuditService,
  ) {}

  /** @param current the id of the session that asks */
  async list(userId: string, current: string | undefined): Promise<Device[]> {
    const summaries = await supported(this.sessions.users.list(userId));
    return summaries.map(({ id, createdAt, lastSeenAt, data }) => {
      const user: Partial<SignedIn> | undefined = signedInOf(data);
      return {
        handle: id,
        current: id === current,
        createdAt,
        lastSeenAt,
        device: deviceName(user?.userAgent ?? ''),
        ip: user?.ip ?? '',
      };
    });
  }

  /** The limitations of the session method in use, in words for users. */
  get limitations(): string[] {
    return limitations(this.sessions);
  }

  /** Whether `list` and `end` work. */
  get canList(): boolean {
    return this.sessions.users.canList;
  }

  /** @throws {NotFoundError} when the user has no such session */
  async end(caller: Caller, handle: string): Promise<void> {
    assertFresh(caller.user!);
    const ended =
      handle === caller.session?.id
        ? await caller.session.destroy().then(() => true)
        : await this.endOf(caller.user!.id, handle);
    if (!ended) throw new NotFoundError('This session does not exist or has already ended.');
    this.audit.note('session-ended', caller, {}, { session: handle });
  }

  /** False if the user has no such session. For administrators, and for `end`. */
  endOf(userId: string, handle: string): Promise<boolean> {
    return supported(this.sessions.users.end(userId, handle));
  }

  async endOthers(caller: Caller): Promise<void> {
    assertFresh(caller.user!);
    await supported(this.sessions.users.endAll(caller.user!.id, caller.session));
    this.audit.note('other-sessions-ended', caller);
  }

  /** Without the sessions where the method keeps no list. */
  async exportOf({ id, sessionId }: Owner): Promise<{ sessions?: Device[] }> {
    return this.canList ? { sessions: await this.list(id, sessionId) } : {};
  }
}

/** 501 if the session method keeps no list. */
function supported<T>(work: Promise<T>): Promise<T> {
  return work.catch((error: unknown) => {
    throw error instanceof SessionUsageError
      ? new NotSupportedError('This site cannot list or end your other sessions.')
      : error;
  });
}
