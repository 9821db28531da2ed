// /cluster: the web server that answers, and the state of the databases. Public if servers may be shown, else for
// administrators.
import { Controller, Get, Post, Req, Res, UseGuards } from '@nestjs/common';
import { MysqlCluster } from '@roam/mysql-cluster';
import type { Request, Response } from 'express';
import { Config } from '../config/config.js';
import { demoAct, DemoControl, DemoGuard } from '../cluster/demo-control.js';
import { Readiness } from '../health/readiness.js';
import { NotFoundError, OutageError } from '../http/app.errors.js';
import { ServersService } from '../servers/servers.service.js';
import { parsed } from '../http/validation.js';
import { FormGuard } from './form.guard.js';
import { PageResponder } from './page-responder.js';

@Controller('cluster')
export class ClusterController {
  constructor(
    private readonly config: Config,
    private readonly cluster: MysqlCluster,
    private readonly servers: ServersService,
    private readonly readiness: Readiness,
    private readonly pages: PageResponder,
    private readonly demo: DemoControl,
  ) {}

  @Get()
  async show(@Req() request: Request, @Res() response: Response): Promise<void> {
    if (!this.config.server.show) {
      if (!request.user?.roles.includes('admin')) throw new NotFoundError();
      // A role from an outage copy admits to nothing.
      if (request.session?.info.asOf !== undefined) throw new OutageError();
    }
    this.pages.show(request, response, 'cluster', {
      title: 'The cluster',
      name: this.config.server.name,
      servers: await this.servers.list(),
      nodes: this.cluster.nodes(),
      places: this.readiness.places(),
      leader: this.readiness.leader(),
      method: this.config.session.method,
      // The stream exists only if servers may be shown.
      live: this.config.server.show,
      session: request.sessionID,
      acts: this.demo.exists,
    });
  }

  /** Kills, freezes or revives a web server or a MySQL server; in the demo only. */
  @Post()
  @UseGuards(DemoGuard, FormGuard)
  async act(@Req() request: Request, @Res() response: Response): Promise<void> {
    await this.demo.do(parsed(demoAct, request.body));
    this.pages.seeOther(request, response, '/cluster');
  }
}
