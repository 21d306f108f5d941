// What the primary sweeps once an hour, for all threads, in parts: see memory/hourly-sweep.ts.
import { RateTable } from '../memory/rate/rate-table.js';
import type { SharedState } from './create-shared-state.js';

type SweptState = Pick<SharedState, 'block' | 'board' | 'clock' | 'ejections'>;

export function sharedStateSweep({ block, board, clock, ejections }: SweptState): () => Generator<void> {
  const rates = RateTable.of(block, clock);
  return function* sweep() {
    board.sweep();
    yield;
    ejections.sweep();
    yield;
    yield* rates.sweepInParts();
  };
}
