// Measures the cost of picking an endpoint by the name of a service, of ten and of a thousand endpoints, by
// each strategy. It includes the registry's page, ejections and load in shared memory, and is measured alone
// and with a second thread that calls the same endpoints. Then the first pick after a change, for which the
// lists of the service are made again. node build/bench/micro/pick.js
import { once } from 'node:events';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { Block } from '#src/memory/block.js';
import { type Clock, sharedClock } from '#src/memory/clock.js';
import { EjectionCells } from '#src/memory/ejection-cells.js';
import { EndpointCells } from '#src/memory/endpoint-cells.js';
import { SnapshotLog } from '#src/memory/snapshot-log.js';
import type { Endpoint } from '#src/registry/endpoint.js';
import { snapshotText } from '#src/registry/snapshot-text.js';
import { ejectionRule } from '#src/resilience/ejection.js';
import { Balancer } from '#src/upstream/balancer.js';
import { endpointStatuses } from '#src/upstream/endpoint-status.js';
import { pickersOf } from '#src/upstream/pickers.js';
import { RegistryView } from '#src/upstream/registry-view.js';
import { PICKER_NAMES, type PickerName } from '#src/upstream-options.js';
import { endpoint } from './endpoint.js';
import { cpuTime, nanosecondsPerCall, wallTime } from './time.js';

const CALLS = 200_000;
/** Number of picks between two refreshes of all latencies: one response for every twenty picks. */
const KEPT_FRESH_FOR = 20 * 1000;
const [FEW, MANY, MOST] = [10, 1000, 10_000];
const NONE_EXCLUDED: ReadonlySet<string> = new Set();
const RULE = ejectionRule(30_000);

/** @param weighted true: every third endpoint has twice the weight */
function endpointsOf(service: string, count: number, weighted: boolean): Endpoint[] {
  return Array.from({ length: count }, (_, slot) =>
    endpoint(service, slot, weighted && slot % 3 === 0 ? 2 : 1),
  );
}

function balancerOf(block: Block, load: EndpointCells, clock: Clock): Balancer {
  const view = new RegistryView(new SnapshotLog(block));
  const pickers = pickersOf(load, Math.random);
  return new Balancer({
    endpoints: (service) => view.endpoints(service),
    picker: pickers.p2c,
    pickers,
    statuses: endpointStatuses(new EjectionCells(block, RULE, clock), RULE),
    clock,
    random: Math.random,
  });
}

/** Endpoints of different services share rows. */
function publish(block: Block): void {
  const endpoints = [
    ...endpointsOf('few', FEW, false),
    ...endpointsOf('many', MANY, false),
    ...endpointsOf('weighted', MANY, true),
    ...endpointsOf('most', MOST, false),
  ];
  new SnapshotLog(block).publish('', () => snapshotText({ revision: 'p-0', endpoints: () => endpoints }));
}

const block = isMainThread ? Block.create({ workers: 2 }) : Block.attach(workerData as SharedArrayBuffer);
const clock = sharedClock(block);
const load = new EndpointCells(block, isMainThread ? 1 : 2, clock);
const balancer = balancerOf(block, load, clock);

let fresh = false;
let reporting = false;
let alone = true;
function refresh(): void {
  for (let slot = 0; slot < MANY; slot++) {
    load.observe(slot, 1_000 + slot);
    if (reporting) load.report(slot, slot % 7, 1_000 + slot);
  }
}

if (isMainThread) {
  publish(block);
  const report = (what: string, run: (turn: number) => void): void => {
    const { median, min, max } = nanosecondsPerCall(CALLS, run, alone ? cpuTime : wallTime);
    const figures = `${median.toFixed(0).padStart(6)} ns (${min.toFixed(0)}..${max.toFixed(0)})`;
    process.stdout.write(`${what.padEnd(78)} ${figures}\n`);
  };
  const all = (note: string, picker: PickerName = 'p2c'): void => {
    const route = { picker };
    for (const [service, what] of [
      ['few', `a pick over ${FEW}`],
      ['many', `a pick over ${MANY}`],
      ['weighted', `a pick over ${MANY} of different weights`],
    ] as const) {
      report(`${what}${note}`, (turn) => {
        if (fresh && turn % KEPT_FRESH_FOR === 0) refresh();
        if (balancer.pick(service, NONE_EXCLUDED, undefined, route) === undefined)
          throw new Error('there is no endpoint');
      });
    }
  };
  all('');
  // All endpoints have recent latencies, as during calls, so that picks compare them.
  fresh = true;
  for (let answers = 0; answers < 10; answers++) refresh();
  all(', latencies known');
  reporting = true;
  refresh();
  for (const picker of PICKER_NAMES) all(`, by ${picker}, load reported`, picker);
  const cells = new EjectionCells(block, RULE, clock);
  for (const [service, count] of [
    ['many', MANY],
    ['most', MOST],
  ] as const) {
    const { median, min, max } = nanosecondsPerCall(20, () => {
      cells.reset(count + 1);
      balancer.pick(service, NONE_EXCLUDED);
    });
    const figures = `${(median / 1e6).toFixed(2).padStart(6)} ms (${(min / 1e6).toFixed(2)}..${(max / 1e6).toFixed(2)})`;
    process.stdout.write(`${`the first pick over ${count} after a change`.padEnd(78)} ${figures}\n`);
  }
  cells.arrive(1);
  all(', one of them in its slow start');
  cells.reset(1);
  const other = new Worker(new URL(import.meta.url), { workerData: block.buffer });
  await once(other, 'message');
  alone = false;
  all(', a second thread that picks and calls');
  await other.terminate();
} else {
  parentPort!.postMessage('beside');
  for (;;) {
    for (const service of ['few', 'many', 'weighted']) {
      const { slot } = balancer.pick(service, NONE_EXCLUDED)!;
      load.begin(slot);
      load.observe(slot, 1_000 + slot);
      load.end(slot);
    }
  }
}
