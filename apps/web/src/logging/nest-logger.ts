// Nest's log lines through pino, without the list of modules and routes at each start.
import { Injectable } from '@nestjs/common';
import { Logger } from 'nestjs-pino';

const inventory = new Set(['InstanceLoader', 'RoutesResolver', 'RouterExplorer', 'NestFactory', 'NestApplication']);

@Injectable()
export class NestLogger extends Logger {
  override log(message: unknown, ...rest: unknown[]): void {
    if (!inventory.has(String(rest.at(-1)))) super.log(message, ...rest);
  }
}
