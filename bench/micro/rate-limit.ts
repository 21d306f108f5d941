// Measures the cost of a rate limit: of one check, alone and with a second thread on the same row, and of a
// new key. node build/bench/micro/rate-limit.js
import { once } from 'node:events';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { Block } from '#src/memory/block.js';
import { sharedClock } from '#src/memory/clock.js';
import { KeyedHash } from '#src/memory/keyed-hash.js';
import { RateTable } from '#src/memory/rate/rate-table.js';
import type { Spread } from '../statistics.js';
import { nanosecondsPerCall, wallTime } from './time.js';

const CALLS = 200_000;
/** With this limit all are admitted: a refusal would skip the compare-and-swap. */
const [INTERVAL_MS, BURST] = [0.000_1, 1_000_000];
const KEY = '203.0.113.195';

const block = isMainThread ? Block.create({ workers: 2 }) : Block.attach(workerData as SharedArrayBuffer);
const clock = sharedClock(block);
const coarse = { now: clock() };
const limitBy = (now: () => number) => RateTable.of(block, now).limit('bench', INTERVAL_MS, BURST);

function report(what: string, { median, min, max }: Spread): void {
  process.stdout.write(
    `${what.padEnd(48)} ${median.toFixed(0).padStart(6)} ns (${min.toFixed(0)}..${max.toFixed(0)})\n`,
  );
}

if (isMainThread) {
  const limit = limitBy(clock);
  const hash = new KeyedHash(block.words('rateSecret'));
  report(
    'the hash of a key',
    nanosecondsPerCall(CALLS, () => hash.of(1, KEY)),
  );
  report(
    'the clock',
    nanosecondsPerCall(CALLS, () => clock()),
  );
  const still = limitBy(() => coarse.now);
  report(
    'one check, hash included, the clock not',
    nanosecondsPerCall(CALLS, () => {
      coarse.now += 0.001;
      still.take(KEY);
    }),
  );
  report(
    'one check, hash and clock included',
    nanosecondsPerCall(CALLS, () => limit.take(KEY)),
  );
  const strict = RateTable.of(block, clock).limit('strict', 3_600_000, 1);
  strict.take(KEY);
  report(
    'one refusal',
    nanosecondsPerCall(CALLS, () => strict.take(KEY)),
  );
  const names = Array.from({ length: CALLS }, (_, i) => `198.51.${i >> 8}.${i & 255}`);
  report(
    'one check of a key that is new',
    nanosecondsPerCall(CALLS, (turn) => limit.take(names[turn]!)),
  );
  const other = new Worker(new URL(import.meta.url), { workerData: block.buffer });
  await once(other, 'message');
  report(
    'one check, a second thread on the same row',
    nanosecondsPerCall(CALLS, () => limit.take(KEY), wallTime),
  );
  report(
    'the same, the clock not included',
    nanosecondsPerCall(
      CALLS,
      () => {
        coarse.now += 0.001;
        still.take(KEY);
      },
      wallTime,
    ),
  );
  await other.terminate();
} else {
  const limit = limitBy(clock);
  parentPort!.postMessage('on the row');
  for (;;) limit.take(KEY);
}
