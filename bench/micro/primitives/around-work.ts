// The same primitives around any work, with the promise that this takes: as others are used.
import { createBreaker } from '#src/services/breaker.js';
import { createBulkhead } from '#src/services/bulkhead.js';

const breaker = createBreaker();
const bulkhead = createBulkhead({ limit: 10 });
const work = (): Promise<number> => Promise.resolve(1);

export const aroundWork: readonly { readonly name: string; readonly runAsync: () => Promise<unknown> }[] = [
  { name: 'createBreaker().run', runAsync: () => breaker.run(work) },
  { name: 'createBulkhead().run', runAsync: () => bulkhead.run(work) },
];
