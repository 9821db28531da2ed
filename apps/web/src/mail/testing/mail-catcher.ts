// A mail server for tests: accepts every e-mail and keeps it.
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';

export interface CaughtMail {
  readonly to: string;
  readonly headers: string;
  readonly text: string;
  readonly html: string;
}

export class MailCatcher {
  readonly mails: CaughtMail[] = [];
  /** How many e-mails are refused temporarily (451) before one is accepted. */
  refuse = 0;
  /** Addresses that are refused permanently (550). */
  readonly unknown: string[] = [];
  private readonly server = createServer((socket) => this.serve(socket));

  async start(): Promise<string> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return `smtp://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.server.close();
  }

  private serve(socket: Socket): void {
    let [buffer, to, data] = ['', '', false];
    socket.setEncoding('utf8');
    socket.on('error', () => undefined);
    socket.write('220 catcher\r\n');
    const command = (line: string): string => {
      const [verb = ''] = line.toUpperCase().split(/[ :]/);
      if (verb === 'RCPT') {
        to = /<(.*)>/.exec(line)?.[1] ?? '';
        if (this.unknown.includes(to)) return `550 there is no <${to}>`;
      }
      if (verb === 'DATA') {
        if (this.refuse > 0) {
          this.refuse -= 1;
          return `451 later, <${to}>`;
        }
        data = true;
        return '354 go on';
      }
      return verb === 'QUIT' ? '221 bye' : '250 fine';
    };
    socket.on('data', (chunk: string) => {
      buffer += chunk;
      for (;;) {
        const end = buffer.indexOf(data ? '\r\n.\r\n' : '\r\n');
        if (end < 0) return;
        const part = buffer.slice(0, end);
        buffer = buffer.slice(end + (data ? 5 : 2));
        if (data) {
          this.mails.push(parsed(to, part));
          data = false;
          socket.write('250 taken\r\n');
        } else {
          socket.write(`${command(part)}\r\n`);
        }
      }
    });
  }
}

/** A mail of two parts, each as it is or quoted-printable. */
function parsed(to: string, source: string): CaughtMail {
  const boundary = /boundary="([^"]+)"/.exec(source)?.[1] ?? '';
  const part = (type: string) => {
    const found = source.split(`--${boundary}`).find((each) => each.includes(`Content-Type: ${type}`)) ?? '';
    const body = found.slice(found.indexOf('\r\n\r\n') + 4);
    if (!found.includes('quoted-printable')) return body;
    const bytes = body
      .replace(/=\r\n/g, '')
      .replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
    return Buffer.from(bytes, 'latin1').toString();
  };
  return {
    to,
    headers: source.slice(0, source.indexOf('\r\n\r\n')),
    text: part('text/plain'),
    html: part('text/html'),
  };
}
