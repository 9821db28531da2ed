// The list of web servers.
import { Module } from '@nestjs/common';
import { ServersService } from './servers.service.js';

@Module({ providers: [ServersService], exports: [ServersService] })
export class ServersModule {}
