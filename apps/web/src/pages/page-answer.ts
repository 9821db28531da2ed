// What the handlers of pages return.
import { Reflector } from '@nestjs/core';
import type { AppError } from '../http/app.errors.js';

/** What the template sees beside what `Views` gives to every page. */
export type PageData = Readonly<Record<string, unknown>>;

/** What a form has sent, before it is checked. */
export type Form = Readonly<Record<string, unknown>>;

/** The usual page of a handler: see `@Page`. */
export const PageView = Reflector.createDecorator<{ readonly view: string; readonly title: string }>();

export class SeeOther {
  constructor(readonly path: string) {}
}

export class Refused {
  constructor(
    readonly error: AppError,
    readonly data: PageData,
  ) {}
}

export class Shown {
  constructor(
    readonly view: string,
    readonly data: PageData & { readonly title: string },
    readonly status: number,
  ) {}
}

export type PageAnswer = PageData | SeeOther | Refused | Shown;

/** 303: the browser loads the next page with GET, and reloading that sends no form again. @param path below the site's base */
export const seeOther = (path: string): SeeOther => new SeeOther(path);

/**
 * The page again with a fault, in place of the error's own page: its template also sees `error`, and the faults of each input
 * as `fields`. The audit log notes the refusal as the filter does.
 */
export const refused = (error: AppError, data: PageData): Refused => new Refused(error, data);

/** Another page than the handler's usual one. */
export const shown = (view: string, data: PageData & { readonly title: string }, status = 200): Shown =>
  new Shown(view, data, status);
