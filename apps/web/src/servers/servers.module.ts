// The list of web servers.
import { Module } from '@nestjs/common';
import { ServersService } from './servers.service.js';
import { Migrations } from '../database/migrations.js';
import { CreateServers1763769600001 } from './migrations/create-servers.js';
import { AddReadinessOfServers1763769600009 } from './migrations/add-readiness-of-servers.js';

@Migrations([CreateServers1763769600001, AddReadinessOfServers1763769600009])
@Module({ providers: [ServersService], exports: [ServersService] })
export class ServersModule {}
