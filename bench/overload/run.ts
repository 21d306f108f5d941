// npm run bench:overload [-- --seed N] [--quick]: runs the overload rule with all shapes of load, in virtual
// time.
import { parseArgs } from 'node:util';
import { Gradient2, Vegas, Windowed } from './gates/concurrency-limits.js';
import { none, type Policy } from './gates/gate.js';
import { goZero } from './gates/go-zero.js';
import { inFlightLimit } from './gates/in-flight-limit.js';
import { LoopDelay } from './gates/loop-delay.js';
import { ours } from './gates/ours.js';
import { comparison, mainTable, routeTable } from './report.js';
import {
  atLoad,
  calmRuns,
  closedLoop,
  overloadRuns,
  type Run,
  type RunLength,
  routeRuns,
  runOne,
} from './runs.js';
import { bimodal, cpuAfter, cpuBefore, cpuLate, lognormal } from './shapes.js';

const RULES: Readonly<Record<string, Policy>> = {
  'this rule': ours(),
  'no rule': none,
  Gradient2: inFlightLimit(() => new Windowed(new Gradient2())),
  'Gradient2 from 400': inFlightLimit(() => new Windowed(new Gradient2(400, 1_000))),
  Vegas: inFlightLimit((random) => new Vegas(random)),
  'go-zero': goZero,
  'AIMD by loop delay': inFlightLimit(() => new LoopDelay()),
};

const compared = (length: RunLength): readonly Run[] => [
  ...[0.5, 0.95].flatMap((load) => [bimodal, lognormal].map((shape) => atLoad(shape, load, 2, length))),
  ...[cpuBefore, cpuAfter, cpuLate].flatMap((shape) =>
    [0.8, 2, 10].map((load) => atLoad(shape, load, 2, length)),
  ),
  closedLoop(cpuAfter, 400, 2, length),
];

function main(): void {
  const { values } = parseArgs({
    options: { seed: { type: 'string', default: '1' }, quick: { type: 'boolean', default: false } },
  });
  const seed = Number(values.seed);
  if (!Number.isSafeInteger(seed)) throw new Error(`--seed must be a whole number, not "${values.seed}"`);
  const length = { judgedMs: values.quick ? 10_000 : 30_000 };
  const all = (runs: readonly Run[]) => runs.flatMap((run) => runOne(run, undefined, seed));
  const print = (title: string, table: string): void =>
    void process.stdout.write(`## ${title}\n\n${table}\n\n`);
  print('Capacity not exceeded', mainTable(all(calmRuns(length))));
  print('Capacity exceeded', mainTable(all(overloadRuns(length))));
  print('Routes beside each other', routeTable(all(routeRuns())));
  const rows = compared(length).map((run) =>
    Object.values(RULES).flatMap((policy) => runOne(run, policy, seed)),
  );
  print('Other rules: refused, or goodput and p99 by unloaded', comparison(Object.keys(RULES), rows));
}

main();
