// Renders pages from the templates of the features. All output of a template is escaped.
import { Injectable } from '@nestjs/common';
import { Eta } from 'eta';
import type { Request } from 'express';
import { fileURLToPath } from 'node:url';
import { Config } from '../config/config.js';
import { siteName } from '../config/site.js';
import { nonceOf } from '../http/security-headers.js';
import { passwordLength } from '../users/password-policy.js';
import { assetPaths } from './assets.js';
import { Navigation } from './navigation.js';
import { timeTag } from './time-tag.js';

@Injectable()
export class Views {
  private readonly eta = new Eta({ views: fileURLToPath(new URL('../', import.meta.url)), cache: true });

  constructor(
    private readonly config: Config,
    private readonly navigation: Navigation,
  ) {}

  /**
   * The page of the template `FOLDER/NAME`, inside the layout. Templates see `data`, and for every request: `site` (the
   * site's name), `base` (the beginning of each local address), `path`, `user`, `navigation`, `server` if the server's name
   * may be shown, `asOf` while the site is read-only, and `time` (see `timeTag`).
   */
  page(request: Request, name: string, data: { readonly title: string } & Record<string, unknown>): string {
    const server = this.config.server.show ? this.config.server.name : undefined;
    return this.eta.render(`/${name}`, {
      site: siteName,
      base: request.base ?? '',
      path: (request.originalUrl ?? '/').split('?')[0],
      user: request.user,
      asOf: request.session?.info.asOf,
      server,
      navigation: this.navigation.entriesFor({ user: request.user, server }),
      nonce: request.res && nonceOf(request.res),
      assets: assetPaths,
      passwordLength,
      time: timeTag,
      ...data,
    });
  }
}
