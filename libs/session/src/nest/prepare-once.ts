// Several gateways share one server: what a server needs is done once.
const prepared = new WeakSet<object>();

export function prepareOnce(shared: object, prepare: () => void): void {
  if (prepared.has(shared)) return;
  prepared.add(shared);
  prepare();
}
