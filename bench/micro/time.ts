import { type Spread, spread } from '../statistics.js';

const BATCHES = 15;
const WARM_UP = 3;

/** Nanoseconds. */
export type Clock = () => bigint;

/** Of this process alone, all its threads together: what else runs on the machine is not counted. */
export const cpuTime: Clock = () => {
  const { user, system } = process.cpuUsage();
  return BigInt(user + system) * 1_000n;
};

/** Where a second thread of the process runs all the time. */
export const wallTime: Clock = () => process.hrtime.bigint();

/** Nanoseconds of one call, by batches of `calls`, the first batches left out as warm-up. */
export function nanosecondsPerCall(calls: number, run: (turn: number) => void, now: Clock = cpuTime): Spread {
  const batches: number[] = [];
  for (let batch = 0; batch < BATCHES + WARM_UP; batch += 1) {
    const started = now();
    for (let turn = 0; turn < calls; turn += 1) run(turn);
    const spent = Number(now() - started);
    if (batch >= WARM_UP) batches.push(spent / calls);
  }
  return spread(batches);
}

/** The same for calls that give a promise, one after the other, in CPU time. */
export async function nanosecondsPerPromise(
  calls: number,
  run: (turn: number) => Promise<unknown>,
): Promise<Spread> {
  const batches: number[] = [];
  for (let batch = 0; batch < BATCHES + WARM_UP; batch += 1) {
    const started = cpuTime();
    for (let turn = 0; turn < calls; turn += 1) await run(turn);
    const spent = Number(cpuTime() - started);
    if (batch >= WARM_UP) batches.push(spent / calls);
  }
  return spread(batches);
}
