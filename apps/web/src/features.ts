// The modules of the app that need no setting, each with its controllers, tables, pages and navigation entry. A new feature is
// named here, and nowhere else.
import type { Type } from '@nestjs/common';
import { getMetadataArgsStorage } from 'typeorm';
import { AccountModule } from './account/account.module.js';
import { AdminModule } from './admin/admin.module.js';
import { AuditModule } from './audit/audit.module.js';
import { AuthModule } from './auth/auth.module.js';
import { CartModule } from './cart/cart.module.js';
import { ClusterModule } from './cluster/cluster.module.js';
import { DatabaseModule } from './database/database.module.js';
import { migrationsOf } from './database/migrations.js';
import { LoginModule } from './login/login.module.js';
import { NotesModule } from './notes/notes.module.js';
import { OpenApiModule } from './openapi/openapi.module.js';
import { OutboxModule } from './outbox/outbox.module.js';
import { RepeatsModule } from './repeats/repeats.module.js';
import { SessionsModule } from './devices/sessions.module.js';
import { ThrottlingModule } from './throttling/throttling.module.js';
import { UsersModule } from './users/users.module.js';

/** Each stands after those that it imports. */
export const features: readonly Type[] = [
  RepeatsModule,
  OutboxModule,
  ThrottlingModule,
  UsersModule,
  AuthModule,
  SessionsModule,
  AccountModule,
  LoginModule,
  AdminModule,
  OpenApiModule,
  CartModule,
  NotesModule,
  ClusterModule,
];

/** All migrations of the app, in their order. */
export const migrations = migrationsOf([DatabaseModule, AuditModule, ...features]);

/** All entities of the app: those that its modules bring. */
export const entities = getMetadataArgsStorage().tables.map(({ target }) => target as Type);
