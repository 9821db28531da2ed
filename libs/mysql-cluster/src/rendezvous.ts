// Rendezvous hashing: which node is a key's home, the same on every web server that sees the same nodes.

/** The hash of a text, to be made once per node or key. FNV-1a over its UTF-16 code units. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** The key of all that has no home of its own (accounts, counters, leases, migrations): one node for all of it. */
const COMMON = hashOf('common');

/** The hash of a statement's key, to find its home by. */
export function keyHashOf(key?: string): number {
  return key === undefined ? COMMON : hashOf(key);
}

/** The weight of a node for a key: the node with the greatest is the key's home, the next its stand-in, and so on. */
function weightOf(nodeHash: number, keyHash: number): number {
  // MurmurHash3's finalizer mixes every bit of both into every bit of the weight.
  let hash = nodeHash ^ keyHash;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** The highest ranked of `nodes` for the key, leaving out those in `except`; undefined when none is left. */
export function highestRanked<N extends { readonly hash: number }>(
  nodes: readonly N[],
  keyHash: number,
  except?: ReadonlySet<N>,
): N | undefined {
  let best: N | undefined;
  let bestWeight = -1;
  for (const node of nodes) {
    if (except?.has(node)) continue;
    const weight = weightOf(node.hash, keyHash);
    if (weight > bestWeight) {
      best = node;
      bestWeight = weight;
    }
  }
  return best;
}
