// Measures what the sampling of routes costs the primary: its CPU time while the workers are idle and while
// there are requests, beside its other timers alone.
// node build/bench/micro/route-sampler.js [SECONDS]
import { setTimeout as pause } from 'node:timers/promises';
import { GroupedInterval } from '#src/grouped-interval.js';
import { Block } from '#src/memory/block.js';
import { slotActivity } from '#src/memory/running-route.js';
import { WorkerRow } from '#src/memory/worker-row.js';
import { mainThreadTimeUs } from '#src/process/proc.js';
import { RouteSampler } from '#src/telemetry/route-sampler.js';

const WORKERS = 4;
const seconds = Number(process.argv[2] ?? 10);

const block = Block.create({ workers: WORKERS });
const row = new WorkerRow(block, 1);

/** The share of a core that this process uses meanwhile, and how many samples were taken in a second. */
async function measure(what: string, sampler?: RouteSampler): Promise<void> {
  await pause(1_000);
  const before = process.cpuUsage();
  const samples = sampler?.samples ?? 0;
  const begun = performance.now();
  await pause(seconds * 1_000);
  const { user, system } = process.cpuUsage(before);
  const passed = performance.now() - begun;
  const share = (user + system) / 10 / passed;
  const perSecond = (((sampler?.samples ?? 0) - samples) / passed) * 1000;
  process.stdout.write(
    `${what.padEnd(22)} ${share.toFixed(3)} % of a core, ${perSecond.toFixed(1)} samples/s\n`,
  );
}

// The intervals at which the primary watches its workers (stall-ladder.ts, heap-watch.ts) and publishes.
const { every } = new GroupedInterval();
const others = [50, 50, 250].map((ms) => every(ms, () => undefined));
await measure('other timers alone');
const sampler = new RouteSampler({
  activity: slotActivity(block),
  nameOf: () => ({ method: 'GET', template: '/one' }),
  cpuTimeUs: mainThreadTimeUs,
  every,
});
await measure('sampler, idle', sampler);
row.began(1);
row.enterRoute(1, 0);
await measure('sampler, requests', sampler);
sampler.stop();
for (const stop of others) stop();
