// Which servers are taken and which are refused, by what they print.
import { describe, expect, it } from '@jest/globals';
import { judgeMysql, judgeNginx } from './versions.js';

describe('mysqld --version', () => {
  it('takes MySQL 8.4 and later', () => {
    expect(judgeMysql('/usr/sbin/mysqld  Ver 9.7.4-2 for Linux on x86_64 ((Debian))')).toEqual({ version: '9.7.4' });
    expect(judgeMysql('mysqld  Ver 8.4.6 for macos15 on arm64 (Homebrew)')).toEqual({ version: '8.4.6' });
    expect(judgeMysql('mysqld  Ver 10.0.1 for Linux on aarch64 (MySQL Community Server - GPL)')).toEqual({
      version: '10.0.1',
    });
  });

  it('refuses MariaDB, older ones and other programs, each with its reason', () => {
    expect(judgeMysql('mysqld  Ver 10.11.11-MariaDB-0+deb12u1 for debian-linux-gnu on x86_64 (Debian 12)')).toEqual({
      refused: expect.stringContaining('MariaDB'),
    });
    expect(judgeMysql('mysqld  Ver 8.0.43-0ubuntu0.24.04.1 for Linux on x86_64 ((Ubuntu))')).toEqual({
      refused: 'it is MySQL 8.0.43; 8.4 or later is needed',
    });
    expect(judgeMysql('hello')).toEqual({ refused: expect.stringContaining('"hello"') });
  });
});

describe('nginx -v', () => {
  it('reads the version', () => {
    expect(judgeNginx('nginx version: nginx/1.30.6')).toEqual({ version: '1.30.6' });
    expect(judgeNginx('Apache/2.4')).toEqual({ refused: expect.stringContaining('not report an nginx version') });
  });
});
