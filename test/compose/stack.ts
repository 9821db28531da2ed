// The stack of docker-compose.yml under a project name and ports of its own, beside whatever else runs here.
import { spawn } from 'node:child_process';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';

const repository = join(import.meta.dirname, '../..');

export class ComposeStack {
  private constructor(
    readonly project: string,
    readonly httpUrl: string,
    readonly httpsUrl: string,
    /** Where the mails are shown that the site sends. */
    readonly mailUrl: string,
    private readonly env: NodeJS.ProcessEnv,
  ) {}

  /** Nothing runs yet: see `up`. */
  static async create(): Promise<ComposeStack> {
    const [http, https, mail] = await freePorts(3);
    const urls = [`http://localhost:${http}`, `https://localhost:${https}`, `http://localhost:${mail}`] as const;
    return new ComposeStack(`roam-test-${process.pid}`, ...urls, {
      ...process.env,
      HTTP_PORT: String(http),
      HTTPS_PORT: String(https),
      MAIL_PORT: String(mail),
      // Beside the default, 10.86.199.
      DATABASES_NET: `10.86.${process.pid % 199}`,
    });
  }

  /** `docker compose` with these arguments; resolves to what it printed. `settings` are added to the environment. */
  compose(args: readonly string[], settings: NodeJS.ProcessEnv = {}): Promise<string> {
    return run('docker', ['compose', '--project-name', this.project, ...args], { ...this.env, ...settings });
  }

  /** Starts what does not run and waits until every service is healthy. */
  async up(args: readonly string[] = [], settings: NodeJS.ProcessEnv = {}): Promise<void> {
    await this.compose(['up', '--wait', '--quiet-pull', ...args], settings);
  }

  /** The names of the web servers that run: `web` and the number of their containers. */
  async webServers(): Promise<string[]> {
    const names = await this.compose(['ps', '--format', '{{.Name}}', 'web']);
    return names
      .trim()
      .split('\n')
      .map((name) => `web${name.split('-').at(-1)}`)
      .sort();
  }

  /** Kills the container of a web server with SIGKILL, as if its machine had lost power. */
  async kill(webServer: string): Promise<void> {
    const container = webServer.replace('web', `${this.project}-web-`);
    await run('docker', ['kill', '--signal', 'KILL', container], this.env);
  }

  /** Forgets what a service kept, which must not run. */
  async removeVolume(name: string): Promise<void> {
    await run('docker', ['volume', 'rm', `${this.project}_${name}`], this.env);
  }

  /** The last lines of every service's log. */
  logs(): Promise<string> {
    return this.compose(['logs', '--no-color', '--timestamps', '--tail', '40']);
  }

  /** Ends it and removes its volumes, networks and images. */
  async remove(): Promise<void> {
    await this.compose(['down', '--volumes', '--remove-orphans', '--timeout', '5']);
    const images = ['web', 'mail'].map((name) => `${this.project}-${name}`);
    await run('docker', ['image', 'rm', '--force', ...images], this.env);
  }
}

/** What the command printed; rejects with its last words when it fails. */
function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: repository, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let printed = '';
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve(printed);
      else reject(new Error(`${command} ${args.join(' ')} ended with ${code}:\n${(printed + said).slice(-4000)}`));
    });
  });
}

/** Ports that are free at this moment, all different. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve, reject) => {
          server.once('error', reject);
          server.listen(0, () => resolve((server.address() as AddressInfo).port));
        }),
    ),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
