// Measures the cost of the flight recorder for one request: to record its begin and its end.
// node build/bench/micro/flight-recorder.js
import { Block } from '#src/memory/block.js';
import { FlightRecorder } from '#src/memory/flight-recorder.js';
import type { Spread } from '../statistics.js';
import { nanosecondsPerCall } from './time.js';

const CALLS = 200_000;
const SLOT = 1;
const ROUTE = 7;

/** @param others number of other requests in flight */
function recorderWith(others: number): FlightRecorder {
  const recorder = new FlightRecorder(Block.create({ workers: 1 }), SLOT);
  for (let other = 0; other < others; other += 1) recorder.begin(ROUTE, 0);
  return recorder;
}

const OWN = 'b1946ac92492-1k3f7';
/** Ids with their numbers: 0 for one that a client has sent. */
const IDS: readonly (readonly [what: string, id: string, number: number])[] = [
  ['no id', '', 0],
  ['an id of ours', OWN, 1_234_567],
  ['a UUID', '0198c5d2-6a1f-7c31-9a53-2f0d9c1e7b44', 0],
  ['64 characters', 'x'.repeat(64), 0],
];

function measure(what: string, others: number, id: string, number: number): [string, Spread] {
  const recorder = recorderWith(others);
  const spent = nanosecondsPerCall(CALLS, (turn) => {
    recorder.end(recorder.begin(ROUTE, turn / 16, id, number), 200, turn / 4);
  });
  return [what, spent];
}

const rows: [string, Spread][] = [
  ...IDS.map(([what, id, number]) => measure(`begin and end, ${what}`, 0, id, number)),
  ...[64, 1000].map((others) => measure(`begin and end, ${others} others in flight`, others, OWN, 1)),
];
for (const [what, { median, min, max }] of rows) {
  process.stdout.write(
    `${what.padEnd(36)} ${median.toFixed(0).padStart(6)} ns (${min.toFixed(0)}..${max.toFixed(0)})\n`,
  );
}
