// A process of its own that holds one store and answers calls on it over its IPC channel; started by `startStores`.
import type { Json } from '../port/records.js';
import { serialize, type Answer, type Call, type OpenStore } from './store-processes.js';

type Methods = Record<string, (...args: unknown[]) => unknown>;

const [, , module, settings] = process.argv as [string, string, string, string];
const { openStore } = (await import(module)) as { openStore: OpenStore };
const { store, close } = await openStore(JSON.parse(settings) as Json);

// A parent that was killed takes its stores with it.
process.once('disconnect', () => process.exit(1));
process.on('message', ({ id, method, args }: Call) => {
  void Promise.resolve()
    .then(() => (method === 'close' ? close?.() : (store as unknown as Methods)[method](...args)))
    .then(
      (value) => ({ id, value }) satisfies Answer,
      (error: unknown) => ({ id, error: serialize(error) }) satisfies Answer,
    )
    .then((answer) => process.send!(answer));
});

const methods: string[] = [];
for (let at = Object.getPrototypeOf(store) as object; at !== Object.prototype; at = Object.getPrototypeOf(at) as object)
  methods.push(...Object.getOwnPropertyNames(at));
process.send!({ ready: { capabilities: store.capabilities, methods } });
