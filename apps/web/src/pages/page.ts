// Makes the handler of a page.
import { applyDecorators, UseInterceptors } from '@nestjs/common';
import { PageView } from './page-answer.js';
import { PageInterceptor } from './page.interceptor.js';

/**
 * The handler answers with a page, not cached and with a form token: it returns the data of the template `FOLDER/NAME`, or
 * `seeOther`, `refused` or `shown`. Its module imports `PagesModule`.
 * @example
 * ```ts
 * @Get()
 * @Page('notes/notes', 'Notes')
 * async list(@CurrentUser() user: SignedIn) { return this.notes.list(user.id); }
 * ```
 */
export const Page = (view: string, title: string): MethodDecorator =>
  applyDecorators(PageView({ view, title }), UseInterceptors(PageInterceptor));
