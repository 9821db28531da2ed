// Where packages would be taken from, by the machine's own apt sources.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { onPath } from '../system/guard.js';
import { findMirror } from './debian.js';

const DEBIAN = 'PRETTY_NAME="Debian GNU/Linux 12"\nNAME="Debian GNU/Linux"\nVERSION_ID="12"\nID=debian\n';
const UBUNTU = 'NAME="Ubuntu"\nID=ubuntu\nID_LIKE=debian\n';

let dir: string;
const keyrings = () => join(dir, 'keyrings');
function write(path: string, text: string): void {
  mkdirSync(dirname(join(dir, path)), { recursive: true });
  writeFileSync(join(dir, path), text);
}
const found = () => findMirror(join(dir, 'etc'), keyrings());

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'mirror-'));
  write('keyrings/debian-archive-keyring.gpg', '');
  write('keyrings/ubuntu-archive-keyring.gpg', '');
});
afterEach(() => rmSync(dir, { recursive: true }));

// Elsewhere there is no apt, and that is what it says first.
const describeWithApt = onPath('apt-get') ? describe : describe.skip;

describeWithApt('the mirror', () => {
  it('is the archive of the machine, in the suite that has MySQL', () => {
    write('etc/os-release', DEBIAN);
    write('etc/apt/sources.list.d/other.list', 'deb https://packages.example.org/debian-tools stable main\n');
    write(
      'etc/apt/sources.list.d/debian.sources',
      'Types: deb\n# URIs: http://old.example/debian\nURIs: http://security.example/debian-security\n\nTypes: deb\nURIs: http://mirror.example/debian\nSuites: bookworm\n',
    );
    expect(found()).toEqual({
      uri: 'http://mirror.example/debian',
      suite: 'sid',
      components: 'main',
      keyring: join(keyrings(), 'debian-archive-keyring.gpg'),
    });
  });

  it('is found in the one-line format too, with options, and on Ubuntu', () => {
    write('etc/os-release', UBUNTU);
    write(
      'etc/apt/sources.list',
      '# deb http://x/ubuntu\ndeb [arch=amd64 trusted=no] http://archive.example/ubuntu/ noble main\n',
    );
    expect(found()).toMatchObject({
      uri: 'http://archive.example/ubuntu/',
      suite: 'devel',
      components: 'main universe',
    });
  });

  it('says why there is none', () => {
    expect(found()).toEqual({ failure: expect.stringContaining('neither Debian nor Ubuntu') });
    write('etc/os-release', DEBIAN);
    expect(found()).toEqual({ failure: expect.stringContaining('no debian archive found') });
    rmSync(keyrings(), { recursive: true });
    expect(found()).toEqual({ failure: expect.stringContaining('debian-archive-keyring.gpg is missing') });
  });
});
