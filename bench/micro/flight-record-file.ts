// Measures what the flight record on disk costs the primary: CPU time of the process, system calls and the
// thread of the pool included, in percent of one core. Requests in flight are spread over four workers.
// node build/bench/micro/flight-record-file.js [SECONDS]
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FlightRecord } from '#src/flight-record/flight-record.js';
import { GroupedInterval } from '#src/grouped-interval.js';
import { Block } from '#src/memory/block.js';
import { sharedClock } from '#src/memory/clock.js';
import { FlightRecorder } from '#src/memory/flight-recorder.js';
import { SeriesMemory } from '#src/memory/metrics/series-memory.js';
import { SeriesStore } from '#src/memory/metrics/series-store.js';
import { RouteNumbers } from '#src/memory/route-names.js';
import { occupySlot, WorkerRow } from '#src/memory/worker-row.js';

const WORKERS = 4;
const TICK_MS = 250;
const seconds = Number(process.argv[2] ?? 20);

interface Load {
  readonly what: string;
  readonly inFlight: number;
  /** Requests of each worker begin and end between two writes. */
  readonly isChanging: boolean;
}

const LOADS: readonly Load[] = [
  { what: 'idle', inFlight: 0, isChanging: false },
  { what: '160 long requests', inFlight: 160, isChanging: false },
  { what: '160 requests, others begin and end', inFlight: 160, isChanging: true },
];

/** Starts the workers of a load. @returns what they do between two writes */
function startWorkers(block: Block, series: SeriesMemory, { inFlight, isChanging }: Load): () => void {
  const now = sharedClock(block);
  const workers = Array.from({ length: WORKERS }, (_, index) => {
    const slot = index + 1;
    occupySlot(block, slot, slot, 1);
    const recorder = new FlightRecorder(block, slot, '5f0c2a9be1d4-');
    const route = new RouteNumbers(new SeriesStore(series.of(slot))).of({
      method: 'GET',
      template: '/api/orders/{id}',
    });
    const row = new WorkerRow(block, slot);
    const own = inFlight / WORKERS;
    for (let n = 1; n <= own; n++) recorder.begin(route, now(), '', n);
    row.began(own);
    return { recorder, route, row, own };
  });
  let ended = 0;
  return () => {
    if (!isChanging) return;
    ended++;
    for (const { recorder, route, row, own } of workers) {
      recorder.end(recorder.begin(route, now(), '', 1_000), 200, 1);
      row.ended(own, ended);
    }
  };
}

/** CPU time in percent of one core, while a timer runs as often as the record is written. */
async function percent(load: Load, isRecorded: boolean): Promise<number> {
  const block = Block.create({ workers: WORKERS });
  const series = new SeriesMemory();
  const work = startWorkers(block, series, load);
  const { every } = new GroupedInterval();
  const stop = every(TICK_MS, work);
  const dataDir = await mkdtemp(join(tmpdir(), 'multilane-bench-'));
  const print = (...line: unknown[]) => process.stderr.write(`${line.join(' ')}\n`);
  const record = isRecorded
    ? new FlightRecord({
        dataDir,
        memory: { block, series, clock: sharedClock(block) },
        every,
        log: { warn: print, fatal: print },
        written: async () => true,
        skipped: () => process.stderr.write('skipped\n'),
      })
    : undefined;
  await sleep(2_000); // the code is compiled
  const before = process.cpuUsage();
  const begunAt = performance.now();
  await sleep(seconds * 1_000);
  const { user, system } = process.cpuUsage(before);
  const share = (100 * (user + system)) / 1_000 / (performance.now() - begunAt);
  stop();
  await record?.close();
  await rm(dataDir, { recursive: true });
  return share;
}

// The first record is not counted: its code is not compiled yet.
await percent(LOADS[2]!, true);
for (const load of LOADS) {
  const without = await percent(load, false);
  const recorded = await percent(load, true);
  process.stdout.write(
    `${load.what.padEnd(36)} ${(recorded - without).toFixed(3).padStart(7)} % of a core ` +
      `(${recorded.toFixed(3)} with, ${without.toFixed(3)} without)\n`,
  );
}
