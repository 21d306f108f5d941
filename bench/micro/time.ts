import { type Spread, spread } from '../statistics.js';

const BATCHES = 15;
const WARM_UP = 3;

/** Nanoseconds of one call, by batches of `calls`, the first batches left out as warm-up. */
export function nanosecondsPerCall(calls: number, run: (turn: number) => void): Spread {
  const batches: number[] = [];
  for (let batch = 0; batch < BATCHES + WARM_UP; batch += 1) {
    const started = process.hrtime.bigint();
    for (let turn = 0; turn < calls; turn += 1) run(turn);
    const spent = Number(process.hrtime.bigint() - started);
    if (batch >= WARM_UP) batches.push(spent / calls);
  }
  return spread(batches);
}

/** The same for calls that answer by a promise, one after the other. */
export async function nanosecondsPerPromise(
  calls: number,
  run: (turn: number) => Promise<unknown>,
): Promise<Spread> {
  const batches: number[] = [];
  for (let batch = 0; batch < BATCHES + WARM_UP; batch += 1) {
    const started = process.hrtime.bigint();
    for (let turn = 0; turn < calls; turn += 1) await run(turn);
    const spent = Number(process.hrtime.bigint() - started);
    if (batch >= WARM_UP) batches.push(spent / calls);
  }
  return spread(batches);
}
