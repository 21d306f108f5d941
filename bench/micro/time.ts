import { type Spread, spread } from '../statistics.js';

const BATCHES = 15;

/** Nanoseconds of one call, by batches of `calls`, the first batches left out as warm-up. */
export function nanosecondsPerCall(calls: number, run: (turn: number) => void): Spread {
  const batches: number[] = [];
  for (let batch = 0; batch < BATCHES + 3; batch += 1) {
    const started = process.hrtime.bigint();
    for (let turn = 0; turn < calls; turn += 1) run(turn);
    const spent = Number(process.hrtime.bigint() - started);
    if (batch >= 3) batches.push(spent / calls);
  }
  return spread(batches);
}
