// The pages.
import { Module } from '@nestjs/common';
import { AccountModule } from '../account/account.module.js';
import { AdminModule } from '../admin/admin.module.js';
import { AuthModule } from '../auth/auth.module.js';
import { CartModule } from '../cart/cart.module.js';
import { DemoControl } from '../cluster/demo-control.js';
import { ServersModule } from '../servers/servers.module.js';
import { SessionsModule } from '../sessions/sessions.module.js';
import { AccountPagesController } from './account-pages.controller.js';
import { AdminPagesController } from './admin-pages.controller.js';
import { ClusterController } from './cluster.controller.js';
import { FactorPagesController } from './factor-pages.controller.js';
import { LinkPagesController } from './link-pages.controller.js';
import { FormTokens } from './form-tokens.js';
import { PageResponder } from './page-responder.js';
import { PagesController } from './pages.controller.js';
import { ViewsModule } from './views.module.js';

@Module({
  imports: [ViewsModule, AdminModule, AuthModule, AccountModule, CartModule, SessionsModule, ServersModule],
  controllers: [
    PagesController,
    AccountPagesController,
    FactorPagesController,
    LinkPagesController,
    AdminPagesController,
    ClusterController,
  ],
  providers: [FormTokens, PageResponder, DemoControl],
  // What `FormGuard` needs in another module.
  exports: [FormTokens],
})
export class PagesModule {}
