// The links of a stack: one from every web server to each database and each other web server.
import { StackError } from '../errors.js';
import type { Link, LinkFaults, Links } from '../types.js';
import { openLink, type LinkOptions } from './link.js';

interface Named {
  readonly from: string;
  readonly to: string;
  readonly link: Link;
}

export class StackLinks implements Links {
  private readonly all: Named[] = [];

  /** @param nextPort gives each link its port */
  constructor(private readonly nextPort: () => Promise<number>) {}

  /** Opens the link `from` → `to`; resolves with the port where it begins. */
  async open(from: string, to: string, target: Pick<LinkOptions, 'host' | 'port'>): Promise<number> {
    const link = await openLink({ ...target, listen: await this.nextPort() });
    this.all.push({ from, to, link });
    return link.port;
  }

  of(name: string): LinkFaults {
    return this.chosen(`at ${name}`, ({ from, to }) => from === name || to === name);
  }

  between(from: string, to: string): LinkFaults {
    return this.chosen(`from ${from} to ${to}`, (one) => one.from === from && one.to === to);
  }

  async close(): Promise<void> {
    await Promise.all(this.all.map(({ link }) => link.close()));
  }

  private chosen(which: string, choose: (one: Named) => boolean): LinkFaults {
    const links = this.all.filter(choose).map(({ link }) => link);
    if (links.length === 0)
      throw new StackError(
        'bad_options',
        `No link ${which}: check the name, and start the stack with the option "links"`,
      );
    return {
      cut: () => links.forEach((link) => link.cut()),
      delay: (ms) => links.forEach((link) => link.delay(ms)),
      refuse: async () => void (await Promise.all(links.map((link) => link.refuse()))),
      heal: async () => void (await Promise.all(links.map((link) => link.heal()))),
    };
  }
}
