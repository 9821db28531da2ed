// The work of the forms about one's account.
import { AppError, ReauthenticationRequiredError } from '../http/app.errors.js';
import { refused, seeOther, type Form, type PageAnswer, type PageData } from '../pages/page-answer.js';

/** Runs the work of a form and redirects to `next`; faults are shown in the form, with `data`. */
export async function inForm(
  form: Form,
  next: string,
  work: () => Promise<void>,
  data: PageData = {},
): Promise<PageAnswer> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof AppError) || error.status >= 500 || error.status === 429) throw error;
    if (error instanceof ReauthenticationRequiredError) throw error;
    const typed = { email: typeof form.email === 'string' ? form.email : '' };
    return refused(error, { ...data, form: typed });
  }
  return seeOther(next);
}

/** An unchecked checkbox sends nothing. */
export function withCheckbox(form: Form): Form {
  return { ...form, endOtherSessions: form.endOtherSessions === 'on' };
}
