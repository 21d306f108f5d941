import { type Spread, spread } from '../statistics.js';

const BATCHES = 15;
const WARM_UP = 3;

/** A clock that returns nanoseconds. */
export type Clock = () => bigint;

/** CPU time of all threads of this process, without that of other processes. */
export const cpuTime: Clock = () => {
  const { user, system } = process.cpuUsage();
  return BigInt(user + system) * 1_000n;
};

/** Real time, for benchmarks with a second thread that always runs. */
export const wallTime: Clock = () => process.hrtime.bigint();

/**
 * Nanoseconds of one call, measured in batches of `calls`; the first batches are a warm-up and not counted.
 */
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

/** Nanoseconds of CPU time of one call that returns a promise; the calls run one after the other. */
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
