// nginx's configuration: what the time budget and the failover need is in it.
import { describe, expect, it } from '@jest/globals';
import { nginxConfig } from './config.js';

const options = {
  dir: '/run dir',
  port: 8080,
  upstreams: [1, 2, 3].map((n) => ({ name: `web${n}`, port: 3000 + n, standbyPort: 4000 + n })),
};
const config = nginxConfig(options);

describe("nginx's configuration", () => {
  it('names every server in the upstream, and each alone', () => {
    for (const n of [1, 2, 3]) {
      expect(config).toContain(`server 127.0.0.1:300${n} max_fails=1`);
      expect(config).toContain(`server 127.0.0.1:300${n} backup max_fails=0;`);
    }
    expect(config).toContain("map $request_uri $backend { '~^/_server/(?<one>web1|web2|web3)/' $one; default web; }");
  });

  it('has all else in common with the deployment, and bounds the tries', () => {
    for (const name of ['http.conf', 'server.conf']) expect(config).toContain(`include ${name};`);
    expect(config).toContain('proxy_next_upstream_tries 5;');
    expect(config).not.toContain('location');
  });

  it('asks the standby ports when no server listens, and comes as far as them in one request', () => {
    const withStandby = nginxConfig({ ...options, hasStandby: true });
    for (const n of [1, 2, 3]) expect(withStandby).toContain(`server 127.0.0.1:400${n} backup;`);
    expect(withStandby).toContain('proxy_next_upstream_tries 9;');
    expect(config).not.toMatch(/400\d backup/);
  });

  it('is one process on loopback that writes below its folder only', () => {
    expect(config).toContain('master_process off;');
    expect(config).toContain('listen 127.0.0.1:8080 backlog=4096;');
    for (const [, path] of config.matchAll(/(?:_temp_path|pid|access_log) "([^"]+)"/g))
      expect(path).toMatch(/^\/run dir\//);
  });
});
