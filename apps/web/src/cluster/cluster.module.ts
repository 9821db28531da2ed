// The live page of the servers.
import { Module } from '@nestjs/common';
import { PagesModule } from '../pages/pages.module.js';
import { ServersModule } from '../servers/servers.module.js';
import { ClusterController } from './cluster.controller.js';
import { DemoControl } from './demo-control.js';

@Module({ imports: [PagesModule, ServersModule], controllers: [ClusterController], providers: [DemoControl] })
export class ClusterModule {}
