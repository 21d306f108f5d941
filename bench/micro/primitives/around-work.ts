// The same primitives as others are used: by a promise for each call, around work that does nothing.
import { createBreaker } from '#src/services/breaker.js';
import { createBulkhead } from '#src/services/bulkhead.js';
import { createRateLimiter } from '#src/services/rate-limiter.js';

const breaker = createBreaker();
const bulkhead = createBulkhead({ limit: 10 });
// Its burst is more than the bench takes: all are admitted.
const limiter = createRateLimiter({ limit: '1000000/second;burst=1000000' });
const work = async (): Promise<void> => {};

export const aroundWork: readonly { readonly name: string; readonly runAsync: () => Promise<unknown> }[] = [
  { name: 'createBreaker().run', runAsync: () => breaker.run(work) },
  { name: 'createBulkhead().run', runAsync: () => bulkhead.run(work) },
  { name: 'createRateLimiter().take, in a promise', runAsync: async () => limiter.take('203.0.113.195') },
];
