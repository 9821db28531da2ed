// When a server has to ask a peer before it answers.
import { describe, expect, it } from '@jest/globals';
import { PeerLink, type LinkContext } from './peer-link.js';

function upLink(): PeerLink {
  const context = { onBehind: () => undefined, emit: () => undefined } as unknown as LinkContext;
  const link = new PeerLink('127.0.0.1', 1, context);
  link.state = 'up';
  return link;
}

describe('a server that was frozen', () => {
  it('is behind a peer that did not serve yet when it was last heard: it may have begun meanwhile', () => {
    const link = upLink();
    link.serving = false;
    expect(link.isBehind).toBe(false);
    link.suspect();
    expect(link.isBehind).toBe(true);
    link.confirm();
    expect(link.isBehind).toBe(false);
  });
});
