// Publishes the route of code that runs behind an `await`, so that its CPU time counts as that of its route.
//
// V8 calls a hook before and after every continuation of a promise. The continuation belongs to the scope in
// which its promise was made, and the scope knows its route. Other callbacks (timers, sockets, ticks) belong
// to no route here, except for the promises that they resolve. A continuation is never published under the
// route of another one: the route is read from its own promise.
//
// An `await` takes about 300 ns with the hooks, and 190 ns without them (Node.js 20, where AsyncLocalStorage
// has hooks of its own; bench/micro/continued-routes.ts). A handler that returns without a promise pays
// nothing.
//
// From Node.js 24 on, AsyncLocalStorage needs no hooks, and with hooks of promises a stalled loop behind an
// `await` was not always interrupted there (test/system/stalls.test.ts). So there are none, and code behind
// an `await` counts as `other`.
import { promiseHooks } from 'node:v8';
import type { WorkerRow } from '../memory/worker-row.js';
import { promisesHoldScopes, scopeOfContinuation } from '../scope.js';

/** @returns a function that ends it */
export function followContinuations(row: Pick<WorkerRow, 'continueRoute' | 'pauseRoute'>): () => void {
  if (!promisesHoldScopes) return () => undefined;
  const stop = promiseHooks.createHook({
    before: (promise) => row.continueRoute(scopeOfContinuation(promise)?.routeNumber ?? 0),
    after: () => row.pauseRoute(),
  });
  return () => void stop();
}
