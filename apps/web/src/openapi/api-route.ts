// The description of one route of the API.
import { DiscoveryService } from '@nestjs/core';
import type { z } from 'zod';

export interface ApiRoute {
  /** Method and path, with parameters in braces. */
  readonly route: `${'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'} /api/${string}`;
  readonly does: string;
  readonly for: 'everybody' | 'signed-in users' | 'administrators';
  readonly body?: z.ZodType;
  readonly query?: z.ZodObject;
  /** The answer to a request that succeeded, then the refusals that not every route has. */
  readonly answers: Readonly<Record<number, string>>;
}

/** The texts of answers that several routes give. */
export const answer = {
  user: 'The user',
  stale: 'The identity was last confirmed more than five minutes ago',
  wrong: 'Some fields are missing or not valid',
  slow: 'Too many attempts; see Retry-After',
} as const;

/** On a controller: what its routes are, for the description of the API. A test compares them with the app. */
export const Described = DiscoveryService.createDecorator<readonly ApiRoute[]>();
