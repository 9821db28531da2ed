// What one server of the sample is told by the process that starts it.
export interface Settings {
  readonly name: string;
  readonly port: number;
  readonly library: 'ws' | 'socket.io';
  readonly sessions: SessionSettings;
}

export type SessionSettings =
  | { readonly method: 'mysql' | 'cookie'; readonly urls: readonly string[] }
  | { readonly method: 'file'; readonly dir: string }
  | { readonly method: 'sync'; readonly port: number; readonly peers: readonly string[] };

export const settings = JSON.parse(process.argv[2]) as Settings;
export const serverName = settings.name;
