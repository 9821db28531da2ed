// nginx's configuration for the web servers of one stack.

export interface NginxOptions {
  /** Its own folder: everything it writes is below. */
  readonly dir: string;
  readonly port: number;
  readonly upstreams: readonly { readonly name: string; readonly port: number; readonly standbyPort?: number }[];
  /** Whether a server that has left its port answers on its standby port when no other does. */
  readonly hasStandby?: boolean;
}

type Upstream = NginxOptions['upstreams'][number];

/** One process, so that a signal to it hits nginx; passive failover within the time budget of a request. */
export function nginxConfig({ dir, port, upstreams, hasStandby = false }: NginxOptions): string {
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
  log_format tries '$time_iso8601 $request_id $remote_addr "$request_method $uri" $status $request_time tried=$upstream_addr answered=$upstream_status took=$upstream_response_time';
  access_log "${dir}/access.log" tries;
  server_tokens off;
  client_max_body_size 1m;
  # Room for the cookies of the cookie method, and for the web servers to say themselves that they are too many.
  large_client_header_buffers 4 32k;

${upstreamBlocks(upstreams, hasStandby)}
${PROXY_HEADERS}
${failover(hasStandby ? 3 * upstreams.length : 5)}
  server {
    listen 127.0.0.1:${port} backlog=4096;

    location / { proxy_pass http://web; }

    # Streams and exports: passed on as they come, as long as they last, never tried again.
    location ~ ^/api/(streams|exports)(/|$) {
      proxy_pass http://web;
      proxy_buffering off;
      proxy_request_buffering off;
      proxy_read_timeout 1h;
      proxy_next_upstream off;
    }
${upstreams.map(({ name }) => serverLocation(name)).join('\n')}

${UNAVAILABLE}
  }
}
`;
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
${upstreams
  .map(
    (server) =>
      `  upstream ${server.name} { server 127.0.0.1:${server.port} max_fails=0;${backup(server)} keepalive 16; }`,
  )
  .join('\n')}
`;
}

const PROXY_HEADERS = `  map $http_upgrade $connection_header { default upgrade; '' ''; }
  # /_server/NAME, which the pages' links must keep, and the address behind it as the client wrote it: nothing decoded.
  map $request_uri $prefix { '~^(?<server>/_server/[^/]+)/' $server; default ''; }
  map $request_uri $behind_prefix { '~^/_server/[^/]+(?<rest>/.*)$' $rest; default /; }
  # Who is told that no web server answered: a program or a person.
  map $request_uri $unavailable { '~^(/_server/[^/]+)?/api/' /unavailable.json; default /unavailable.html; }

  proxy_http_version 1.1;
  proxy_set_header Host $http_host;
  proxy_set_header Connection $connection_header;
  proxy_set_header Upgrade $http_upgrade;
  # This is the first proxy: what a client claims in these headers is replaced, not extended.
  proxy_set_header X-Forwarded-For $remote_addr;
  proxy_set_header X-Forwarded-Proto $scheme;
  proxy_set_header X-Forwarded-Host $http_host;
  proxy_set_header X-Forwarded-Prefix $prefix;
  # The same in every try of one request, which therefore counts once.
  proxy_set_header X-Request-Id $request_id;
`;

/** @param tries how many servers one request is sent to, at most */
function failover(tries: number): string {
  return `  # A web server answers within 1.8 s, or says 503 itself, which is final.
  proxy_connect_timeout 300ms;
  proxy_send_timeout 1900ms;
  proxy_read_timeout 1900ms;
  # 504: a server whose store does not answer; another one's may.
  proxy_next_upstream error timeout non_idempotent http_504;
  # A server that is down refuses at once; one that is frozen costs 1.9 s, and no third try begins after 3 s.
  proxy_next_upstream_tries ${tries};
  proxy_next_upstream_timeout 3s;
  proxy_redirect off;
  # Room for an answer whose cookie is the session.
  proxy_buffer_size 16k;
  proxy_buffers 8 16k;
  proxy_intercept_errors on;
  error_page 502 504 =503 $unavailable;
`;
}

/** The whole site answered by one server. */
function serverLocation(name: string): string {
  return `
    location = /_server/${name} { return 308 /_server/${name}/; }
    location /_server/${name}/ { proxy_pass http://${name}$behind_prefix; }`;
}

const UNAVAILABLE = `    location = /unavailable.json {
      internal;
      default_type application/json;
      add_header Retry-After 1 always;
      add_header Cache-Control no-store always;
      return 503 '{"error":{"code":"unavailable","message":"The service is temporarily unavailable. Please try again shortly."}}';
    }
    location = /unavailable.html {
      internal;
      default_type text/html;
      add_header Retry-After 1 always;
      add_header Cache-Control no-store always;
      return 503 '<!doctype html><html lang="en"><meta name="viewport" content="width=device-width"><title>Temporarily unavailable</title><h1>Temporarily unavailable</h1><p>The service is temporarily unavailable. Wait a moment, then reload the page.</p></html>';
    }`;
