// /cluster: the web server that answers, and the state of the databases. Public if servers may be shown, else for
// administrators.
import { Body, Controller, Get, Headers, Post, Session, UseGuards } from '@nestjs/common';
import { MysqlCluster } from '@roam/mysql-cluster';
import type { Session as RequestSession } from '@roam/session';
import { CurrentUser } from '../auth/current-user.js';
import type { SignedIn } from '../auth/signed-in.js';
import { Config } from '../config/config.js';
import { Readiness } from '../health/readiness.js';
import { NotFoundError, OutageError } from '../http/app.errors.js';
import { addAsset } from '../pages/assets.js';
import { FormGuard } from '../pages/form.guard.js';
import { InNavigation } from '../pages/navigation.js';
import { seeOther, type PageAnswer } from '../pages/page-answer.js';
import { Page } from '../pages/page.js';
import { ServersService, type ListedServer } from '../servers/servers.service.js';
import { clusterState, stateWords } from './cluster-state.js';
import { demoAct, DemoControl, DemoGuard, type DemoAct } from './demo-control.js';

addAsset('cluster', new URL('./cluster.js', import.meta.url));

@Controller('cluster')
@InNavigation({ label: 'Cluster', path: '/cluster', place: 10, isShownTo: ({ server }) => server !== undefined })
export class ClusterController {
  constructor(
    private readonly config: Config,
    private readonly cluster: MysqlCluster,
    private readonly servers: ServersService,
    private readonly readiness: Readiness,
    private readonly demo: DemoControl,
  ) {}

  @Get()
  @Page('cluster/cluster', 'The cluster')
  async show(
    @CurrentUser() user?: SignedIn,
    @Session() session?: RequestSession,
    @Headers('x-forwarded-for') forwardedFor?: string,
  ): Promise<PageAnswer> {
    if (!this.config.server.show) {
      if (!user?.roles.includes('admin')) throw new NotFoundError();
      // A role from an outage copy admits to nothing.
      if (session?.info.asOf !== undefined) throw new OutageError();
    }
    return {
      ...clusterState(this.config, this.cluster, this.readiness, session?.id),
      servers: await this.listed(forwardedFor !== undefined),
      stateWords,
      method: this.config.session.method,
      // The stream exists only if servers may be shown.
      live: this.config.server.show,
      isProxied: forwardedFor !== undefined,
      session: session?.id,
      acts: this.demo.exists,
    };
  }

  /** The web servers, with the base of each one's own address: the proxy has one for every server. */
  private async listed(isProxied: boolean): Promise<(ListedServer & { readonly base: string | undefined })[]> {
    const { name: own } = this.config.server;
    const baseOf = (name: string) => (isProxied ? `/_server/${name}` : name === own ? '' : undefined);
    const servers = await this.servers.list();
    return servers.map((server) => ({ ...server, base: baseOf(server.name) }));
  }

  /** Kills, freezes or revives a web server or a MySQL server; in the demo only. */
  @Post()
  @Page('cluster/cluster', 'The cluster')
  @UseGuards(DemoGuard, FormGuard)
  async act(@Body({ schema: demoAct }) act: DemoAct): Promise<PageAnswer> {
    await this.demo.do(act);
    return seeOther('/cluster');
  }
}
