// One MySQL server of the stack.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RowDataPacket } from 'mysql2/promise';
import { withConnection, type Credentials } from '@roam/mysql-cluster/group';
import { StackError } from '../errors.js';
import type { NetworkNamespace } from '../network/isolation.js';
import { commandLine, type Program } from '../programs/program.js';
import type { CommandLine } from '../system/guard.js';
import { ManagedProcess } from '../system/managed-process.js';
import type { Database } from '../types.js';
import { firstStartSql, type RunAccounts } from './accounts.js';
import { serverArguments, type ServerArguments } from './arguments.js';
import { copyBaseData } from './base-data.js';
import type { OwnDisk } from './own-disk.js';

export interface NodeOptions {
  readonly name: string;
  readonly program: Program;
  /** The container's name, where Docker runs the program. */
  readonly container: string | undefined;
  readonly accounts: RunAccounts;
  readonly args: ServerArguments;
  /** Where the node has a network of its own. */
  readonly network: NetworkNamespace | undefined;
  /** Where its data folder is a disk of its own. */
  readonly disk: OwnDisk | undefined;
  /** Lets a restarted server replicate again: into the group, behind its source, or just writable. */
  readonly rejoin: (node: MysqlNode) => Promise<void>;
}

const ANSWER_TIMEOUT_MS = 5000;

export class MysqlNode implements Database {
  readonly host: string;
  readonly port: number;
  private readonly server: ManagedProcess;
  private startedBefore = false;

  constructor(private readonly options: NodeOptions) {
    const { location } = options.args;
    this.host = location.host;
    this.port = location.port;
    this.server = new ManagedProcess({
      name: options.name,
      container: options.container,
      command: () => this.command(),
      // By this name mysqld knows that somebody starts it again after a clone.
      env: () => ({ ...process.env, MYSQLD_PARENT_PID: String(process.pid) }),
      restartCode: 16,
      logFile: join(location.dir, 'mysqld.log'),
      isReady: () =>
        this.query('SELECT 1').then(
          () => true,
          () => false,
        ),
      readyTimeoutMs: 90_000,
      stopGraceMs: 20_000,
    });
  }

  get name(): string {
    return this.options.name;
  }

  get groupPorts(): readonly number[] | undefined {
    return this.options.args.location.groupPorts;
  }

  get pid(): number | null {
    return this.server.pid;
  }

  get container(): string | undefined {
    return this.server.container;
  }

  get isRunning(): boolean {
    return this.server.isRunning;
  }

  get url(): string {
    return this.urlOf(this.options.accounts.app);
  }

  get migrationUrl(): string {
    return this.urlOf(this.options.accounts.migrations);
  }

  get adminUrl(): string {
    return this.urlOf(this.options.accounts.admin);
  }

  get admin(): Credentials {
    return this.options.accounts.admin;
  }

  /** Makes the data folder from `base` and starts; the server answers and is read-only then. */
  async create(base: string): Promise<void> {
    const { dir } = this.options.args.location;
    mkdirSync(join(dir, 'tmp'), { recursive: true });
    if (this.options.disk) await this.options.disk.create(base);
    else copyBaseData(base, join(dir, 'data'));
    writeFileSync(this.firstStartFile, firstStartSql(this.options.accounts), { mode: 0o600 });
    await this.server.start();
    this.startedBefore = true;
  }

  async start(): Promise<void> {
    if (this.server.isRunning) return;
    await this.server.start();
    await this.options.rejoin(this);
  }

  kill(): Promise<void> {
    return this.server.kill();
  }

  stop(): Promise<void> {
    return this.server.stop();
  }

  freeze(): void {
    this.server.freeze();
  }

  thaw(): void {
    this.server.thaw();
  }

  async cut({ clients = false } = {}): Promise<void> {
    await this.network.cut(clients);
  }

  async heal(): Promise<void> {
    await this.network.heal();
  }

  async fillDisk(): Promise<void> {
    await this.disk.fill(this.pid);
  }

  async freeDisk(): Promise<void> {
    await this.disk.free(this.pid);
  }

  async role(): Promise<'primary' | 'replica'> {
    const [row] = await this.query<RowDataPacket & { readOnly: number }>('SELECT @@GLOBAL.read_only AS readOnly');
    return row?.readOnly === 0 ? 'primary' : 'replica';
  }

  /** One statement by the admin account, on a connection of its own. */
  query<T extends RowDataPacket>(sql: string, values: readonly string[] = []): Promise<T[]> {
    return withConnection(this, this.admin, ANSWER_TIMEOUT_MS, async (connection) => {
      const [rows] = await connection.query<T[]>(sql, [...values]);
      return rows;
    });
  }

  logTail(): string {
    return this.server.logTail();
  }

  private urlOf({ user, password }: Credentials): string {
    return `mysql://${user}:${password}@${this.host}:${this.port}/${this.options.accounts.app.database}`;
  }

  private get network(): NetworkNamespace {
    if (this.options.network) return this.options.network;
    throw new StackError(
      'bad_options',
      `${this.name} has no network of its own: start the databases with the option "isolated"`,
    );
  }

  private get disk(): OwnDisk {
    if (this.options.disk) return this.options.disk;
    throw new StackError(
      'bad_options',
      `${this.name} has no disk of its own: start the databases with the option "ownDisks"`,
    );
  }

  private command(): CommandLine {
    const { program, container, args, network, disk } = this.options;
    let command = commandLine(program, [...serverArguments(args), this.startArgument()], container);
    if (disk) command = disk.inside(command);
    return network ? network.inside(command) : command;
  }

  private get firstStartFile(): string {
    return join(this.options.args.location.dir, 'first-start.sql');
  }

  /** Restarted servers refuse writes until they replicate again. */
  private startArgument(): string {
    return this.startedBefore ? '--super-read-only=ON' : `--init-file=${this.firstStartFile}`;
  }
}
