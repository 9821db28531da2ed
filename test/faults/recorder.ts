// Sends the requests of one virtual user, and records each of them with its answer.
import type { Answer, Body, Client } from '../support/browser.js';
import type { Site } from './crowd.js';
import type { Action, Operation, Outcome } from './history.js';

/** What a request is about. */
export interface Sent extends Partial<
  Pick<Operation, 'token' | 'makes' | 'ends' | 'cart' | 'key' | 'value' | 'isLoose' | 'isFinal'>
> {
  readonly action: Action;
  /** Where it goes (default: mostly nginx, at times a web server past it). */
  readonly via?: Target;
}

interface Target {
  readonly name: string;
  readonly url: string;
}

interface Shown {
  readonly user?: { readonly email?: string };
  readonly items?: Readonly<Record<string, number>>;
}

export interface RecorderOptions {
  readonly site: Site;
  /** The user's. */
  readonly name: string;
  readonly email: string;
  readonly random: () => number;
  readonly record: (operation: Operation) => void;
}

export class Recorder {
  constructor(private readonly options: RecorderOptions) {}

  /** Undefined when there was no whole answer in time. */
  async send(
    client: Client,
    { via = this.target(), ...sent }: Sent,
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    path: string,
    body?: Body,
  ): Promise<Answer | undefined> {
    const begun = performance.now();
    let answer: Answer | undefined;
    let fault: unknown;
    try {
      answer = await client.once(method, via.url + path, body);
    } catch (error) {
      fault = error;
    }
    this.options.record({
      ...sent,
      user: this.options.name,
      via: via.name,
      begun,
      ended: performance.now(),
      outcome: outcomeOf(sent.action, answer, fault),
      status: answer?.status,
      ...(answer?.headers['retry-after'] !== undefined && { retryAfter: true }),
      ...(answer?.server !== undefined && { server: answer.server }),
      ...this.shownBy(answer),
      ...(fault !== undefined && { fault: (fault as NodeJS.ErrnoException).code ?? (fault as Error).message }),
    });
    return answer;
  }

  shownBy(answer: Answer | undefined): Pick<Operation, 'who' | 'seen' | 'fromCopy'> {
    if (!answer || answer.status >= 300 || !answer.text.startsWith('{')) return {};
    const { user, items } = answer.json<Shown>();
    const email = user?.email;
    return {
      ...(email !== undefined && { who: email === this.options.email ? this.options.name : email }),
      ...(items && { seen: items }),
      ...(answer.headers['x-session-as-of'] !== undefined && { fromCopy: true }),
    };
  }

  private target(): Target {
    const { random, site } = this.options;
    const { url, servers } = site;
    const direct = random() < 0.1 ? servers() : [];
    return direct[Math.floor(random() * direct.length)] ?? { name: 'nginx', url };
  }
}

function outcomeOf(action: Action, answer: Answer | undefined, fault: unknown): Outcome {
  // A first try whose answer was lost may have ended the session that is not there any more.
  if (action === 'revoke' && answer?.status === 404) return 'unknown';
  // 202: the end of a session is pending.
  if (answer?.status === 202) return 'unknown';
  if (answer) return answer.status < 400 ? 'ok' : answer.status < 500 ? 'failed' : 'unknown';
  return (fault as NodeJS.ErrnoException).code === 'ECONNREFUSED' ? 'failed' : 'unknown';
}
