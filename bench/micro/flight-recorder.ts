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

const rows: [string, Spread][] = [0, 64, 1000].map((others) => {
  const recorder = recorderWith(others);
  const spent = nanosecondsPerCall(CALLS, (turn) => {
    recorder.end(recorder.begin(ROUTE, turn / 16), 200, turn / 4);
  });
  return [`begin and end, ${others} others in flight`, spent];
});
for (const [what, { median, min, max }] of rows) {
  process.stdout.write(
    `${what.padEnd(36)} ${median.toFixed(0).padStart(6)} ns (${min.toFixed(0)}..${max.toFixed(0)})\n`,
  );
}
