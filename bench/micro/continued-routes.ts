// Measures what it costs to publish the route of code behind an `await`: the time of one `await` in a request
// without the hooks of continued-routes.ts and with them, in turns.
// node build/bench/micro/continued-routes.js
import { Block } from '#src/memory/block.js';
import { WorkerRow } from '#src/memory/worker-row.js';
import { runInScope, type Scope } from '#src/scope.js';
import { followContinuations } from '#src/worker/continued-routes.js';
import { type Spread, spread } from '../statistics.js';
import { cpuTime } from './time.js';

const ROUNDS = 15;
const WARM_UP = 5;
const AWAITS = 100_000;

/** Like a request: the number of its route is found through other objects. */
class Request {
  readonly #plan = { meter: { routeNumber: 7 } };
  get routeNumber(): number {
    return this.#plan.meter.routeNumber;
  }
}

const nothing: unknown = undefined;

async function many(): Promise<void> {
  for (let count = 0; count < AWAITS; count++) await nothing;
}

async function nanosecondsPerAwait(): Promise<number> {
  const started = cpuTime();
  await runInScope(new Request() as unknown as Scope, many);
  return Number(cpuTime() - started) / AWAITS;
}

const row = new WorkerRow(Block.create({ workers: 1 }), 1);
const times: Record<'without' | 'with', number[]> = { without: [], with: [] };
for (let round = 0; round < ROUNDS + WARM_UP; round++) {
  const without = await nanosecondsPerAwait();
  const stop = followContinuations(row);
  const withHooks = await nanosecondsPerAwait();
  stop();
  if (round < WARM_UP) continue;
  times.without.push(without);
  times.with.push(withHooks);
}
const show = (what: string, { median, min, max }: Spread): void => {
  process.stdout.write(
    `${what.padEnd(28)} ${median.toFixed(0).padStart(5)} ns (${min.toFixed(0)}..${max.toFixed(0)})\n`,
  );
};
show('await without the hooks', spread(times.without));
show('await with the hooks', spread(times.with));
