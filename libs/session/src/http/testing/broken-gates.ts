// Gates that each break one rule on purpose: the property of the gate is only worth what it finds in these.
import type { FailureAnswer } from '../../core/options.js';
import { ResponseGate, type Gate } from '../response-gate.js';
import type { Rule } from './gate-differences.js';
import type { Install } from './gate-world.js';

type Chunk = Parameters<ResponseGate['send']>[0];
type GateClass = new (response: never, gate: Gate) => ResponseGate;

const install =
  (Class: GateClass): Install =>
  (response, gate) =>
    new Class(response as never, gate).close();

/** By what is wrong with it: the gate, and the rule that must find it. */
export const brokenGates: Readonly<Record<string, { readonly install: Install; readonly foundBy: Rule }>> = {
  'sends before the commit': {
    foundBy: 'no byte before the commit',
    install: install(
      class extends ResponseGate {
        protected override hold(chunk: Chunk): boolean {
          if (!this.response._headerSent) this.addHeaders(false);
          return this.original._send.apply(this.response, chunk);
        }

        protected override release(): void {
          this.open();
        }
      },
    ),
  },
  'makes the calls that end a response later': {
    foundBy: 'calls return and throw as in Node',
    install: install(
      class extends ResponseGate {
        override call(method: 'write' | 'end' | 'flushHeaders', args: unknown[]): unknown {
          if (method !== 'end') return super.call(method, args);
          setImmediate(() => {
            try {
              super.call(method, args);
            } catch {
              this.response.destroy();
            }
          });
          return this.response;
        }
      },
    ),
  },
  'loses what a write calls back': {
    foundBy: 'callbacks are called',
    install: install(
      class extends ResponseGate {
        protected override hold(chunk: Chunk): boolean {
          const [data, encoding, callback, size] = chunk;
          const isEnd = callback?.name.includes('onFinish') ?? false;
          return super.hold([data, encoding, isEnd ? callback : null, size]);
        }
      },
    ),
  },
  'does not call back when the client has left': {
    foundBy: 'callbacks are called',
    install: install(
      class extends ResponseGate {
        protected override release(): void {
          if (this.response.socket?.destroyed) this.takeHeld();
          else super.release();
        }
      },
    ),
  },
  'changes the order of what it holds': {
    foundBy: 'the same bytes are sent',
    install: install(
      class extends ResponseGate {
        protected override takeHeld() {
          return super.takeHeld().reverse();
        }
      },
    ),
  },
  'adds its headers twice': {
    foundBy: 'the same bytes are sent',
    install: install(
      class extends ResponseGate {
        protected override addHeaders(isWhole: boolean): void {
          super.addHeaders(isWhole);
          super.addHeaders(isWhole);
        }
      },
    ),
  },
  'adds no headers': {
    foundBy: 'headers are added',
    install: install(
      class extends ResponseGate {
        protected override addHeaders(): void {}
      },
    ),
  },
  'says that a response which waits is finished': {
    foundBy: 'a response that waits is not finished',
    install: install(
      class extends ResponseGate {
        constructor(response: never, gate: Gate) {
          super(response, gate);
          Object.defineProperty(response, 'writableFinished', { get: () => this.response.writableEnded });
        }
      },
    ),
  },
  'says nothing of errors that nobody hears': {
    foundBy: 'errors are heard',
    install: install(
      class extends ResponseGate {
        override hear(): void {}
      },
    ),
  },
  'sends the answer although the commit failed': {
    foundBy: 'a failed commit replaces the whole answer',
    install: install(
      class extends ResponseGate {
        protected override fail(): void {
          this.release();
        }
      },
    ),
  },
  'keeps the headers of an answer that it replaces': {
    foundBy: 'a failed commit replaces the whole answer',
    install: install(
      class extends ResponseGate {
        protected override renderHead(answers: readonly FailureAnswer[], mustClose: boolean) {
          this.response.getHeaderNames = () => [];
          return super.renderHead(answers, mustClose);
        }
      },
    ),
  },
  'never answers when the commit failed': {
    foundBy: 'everything comes to an end',
    install: install(
      class extends ResponseGate {
        protected override fail(): void {}
      },
    ),
  },
  'leaves the head out': {
    foundBy: 'the same bytes are sent',
    install: install(
      class extends ResponseGate {
        protected override takeHeld() {
          this.response._headerSent = true;
          return super.takeHeld();
        }
      },
    ),
  },
};
