// What the primary does once an hour for the rows of all threads: it refreshes the times of breakers and
// ejections before they are too old to be told from recent ones, and forgets rate limits without state. It
// works in parts, so that it never blocks the thread for long (memory/hourly-sweep.ts).
import { ClusterRates } from '../memory/rate/cluster-rates.js';
import { RateTable } from '../memory/rate/rate-table.js';
import type { SharedState } from './create-shared-state.js';

type SweptState = Pick<SharedState, 'block' | 'board' | 'clock' | 'ejections'>;

export function sharedStateSweep({ block, board, clock, ejections }: SweptState): () => Generator<void> {
  const rates = RateTable.of(block, clock);
  const clusterRates = new ClusterRates({ block, clock });
  return function* sweep() {
    board.sweep();
    yield;
    ejections.sweep();
    yield;
    yield* rates.sweepInParts();
    yield* clusterRates.sweepInParts();
  };
}
