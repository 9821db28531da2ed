// nginx's configuration for the web servers of one stack.

export interface NginxOptions {
  /** Its own folder: everything it writes is below. */
  readonly dir: string;
  readonly port: number;
  readonly upstreams: readonly { readonly name: string; readonly port: number; readonly standbyPort?: number }[];
  /** Whether a server that has left its port answers on its standby port when no other does. */
  readonly hasStandby?: boolean;
  /** Whether the limits of one client hold for loopback too, where all clients of a stack are (default false). */
  readonly limitsLoopback?: boolean;
  /** For tests: clients on loopback are believed to be at the address that they tell in `X-Real-IP`. */
  readonly trustsLoopback?: boolean;
}

type Upstream = NginxOptions['upstreams'][number];

/**
 * One process, so that a signal to it hits nginx; passive failover within the time budget of a request. What all nginx
 * before the web servers have is in the files of `deploy/nginx` that it includes, beside its own.
 */
export function nginxConfig(options: NginxOptions): string {
  const { dir, port, upstreams, hasStandby = false, limitsLoopback = false, trustsLoopback = false } = options;
  const names = upstreams.map(({ name }) => name).join('|');
  return `# Written by local-stack at each start.
daemon off;
master_process off;
pid "${dir}/nginx.pid";
error_log stderr warn;
# Each client has a connection to nginx and, while its request runs, one to a web server.
events { worker_connections 16384; }
http {
  client_body_temp_path "${dir}/client_body";
  proxy_temp_path "${dir}/proxy";
  fastcgi_temp_path "${dir}/fastcgi";
  uwsgi_temp_path "${dir}/uwsgi";
  scgi_temp_path "${dir}/scgi";
  log_format tries '$time_iso8601 $request_id $remote_addr "$request_method $path" $status $request_time route=$route tried=$upstream_addr answered=$upstream_status took=$upstream_response_time';
  access_log "${requestLog(dir)}" tries;

${upstreamBlocks(upstreams, hasStandby)}
  # The whole site answered by one server.
  map $request_uri $backend { '~^/_server/(?<one>${names})/' $one; default web; }
  map $request_uri $prefix { '~^(?<server>/_server/(?:${names}))/' $server; default ''; }

  geo $is_unlimited { default 0; ${limitsLoopback ? '' : '127.0.0.0/8 1; ::1 1; '}}
  map '' $client_scheme { default $scheme; }
${trustsLoopback ? '  set_real_ip_from 127.0.0.0/8;\n  real_ip_header X-Real-IP;\n' : ''}
  include http.conf;
  proxy_next_upstream_tries ${hasStandby ? 3 * upstreams.length : 5};

  server {
    listen 127.0.0.1:${port} backlog=4096;
    include server.conf;
  }
}
`;
}

/** Where nginx writes a line per request. */
export function requestLog(dir: string): string {
  return `${dir}/access.log`;
}

function upstreamBlocks(upstreams: readonly Upstream[], hasStandby: boolean): string {
  // Asked when no server listens on its port: none of them has a store, and each can show sessions to be read only.
  const backup = ({ standbyPort }: Upstream) => (hasStandby ? ` server 127.0.0.1:${standbyPort} backup;` : '');
  return `  upstream web {
    # A server that has just started is slow at first, one that stands still answers nothing: neither gets as many as the others.
    least_conn;
${upstreams.map((server) => `    server 127.0.0.1:${server.port} max_fails=1 fail_timeout=2s;`).join('\n')}
    # When all have failed lately, as in a quick rolling restart, they are asked all the same: some may be back already.
${upstreams.map((server) => `    server 127.0.0.1:${server.port} backup max_fails=0;${backup(server)}`).join('\n')}
    # Idle connections, kept for less time than the web servers keep them (75 s): none is used while it is closed.
    keepalive 64;
    keepalive_timeout 60s;
  }
  # For a request that may run once, and that the first server has not begun.
  upstream web_again {
    random;
${upstreams.map((server) => `    server 127.0.0.1:${server.port} max_fails=1 fail_timeout=2s;`).join('\n')}
    keepalive 64;
    keepalive_timeout 60s;
  }
${upstreams
  .map(
    (server) =>
      `  upstream ${server.name} { server 127.0.0.1:${server.port} max_fails=0;${backup(server)} keepalive 16; }`,
  )
  .join('\n')}
`;
}
