// Measures one scrape of /metrics, and the reading of its families alone, with services whose labels are
// chosen by clients: slots of threads x metrics x label values, each thread with values of its own or all with
// the same ones. The first scrape reads the names of all rows.
// node --expose-gc build/bench/micro/scrape.js [slots] [metrics] [values] [own|shared] [counter|histogram|gauge]
import { Block } from '#src/memory/block.js';
import { SeriesTable } from '#src/memory/metrics/series.js';
import { SeriesMemory } from '#src/memory/metrics/series-memory.js';
import { gatherFamilies, sharedMemorySource } from '#src/telemetry/metric-families.js';
import { Exposition } from '#src/telemetry/prometheus.js';
import { serviceMetrics } from '#src/telemetry/service-metrics.js';
import { turnsOf } from './turns.js';

const SCRAPES = Number(process.env.SCRAPES ?? 5);
const [slots = '32', metrics = '20', values = '512', names = 'own', kind = 'counter'] = process.argv.slice(2);

const memory = new SeriesMemory();
for (let slot = 1; slot <= Number(slots); slot++) {
  const own = serviceMetrics(new SeriesTable(memory.of(slot)).pool('services'))('shop');
  const of = (metric: number): ((name: string) => void) => {
    if (kind === 'gauge') {
      const gauge = own.gauge(`level_${metric}`, 'Levels.', ['name']);
      return (name) => gauge.set(slot / 8, { name });
    }
    if (kind === 'histogram') {
      const histogram = own.histogram(`took_${metric}_seconds`, 'Durations.', ['name']);
      return (name) => histogram.record(slot * 1_000, { name });
    }
    const counter = own.counter(`visits_${metric}_total`, 'Visits.', ['name']);
    return (name) => counter.add(slot, { name });
  };
  for (let metric = 0; metric < Number(metrics); metric++) {
    const count = of(metric);
    for (let n = 0; n < Number(values); n++) count(names === 'own' ? `name-${slot}-${n}` : `name-${n}`);
  }
}

const block = Block.create({ workers: Number(slots) });
const source = sharedMemorySource(block, memory);
const exposition = new Exposition([source]);
const heapMiB = (): number => process.memoryUsage().heapUsed / 2 ** 20;
const collect = globalThis.gc ?? (() => undefined);

const mebibytes = (memory.all().reduce((sum, { byteLength }) => sum + byteLength, 0) / 2 ** 20).toFixed(0);
process.stdout.write(
  `${slots} slots x ${metrics} ${kind}s x ${values} values (${names}), ${mebibytes} MiB of rows\n`,
);

async function measure(what: string, work: () => Promise<unknown>): Promise<void> {
  for (let scrape = 1; scrape <= SCRAPES; scrape++) {
    collect();
    const before = heapMiB();
    const { all: used, longest } = await turnsOf(work);
    const grown = heapMiB() - before;
    collect();
    process.stdout.write(
      `${what} ${scrape}: ${used.toFixed(1)} ms of CPU, longest turn ${longest.toFixed(1)} ms, ` +
        `heap +${grown.toFixed(0)} MiB, ${(heapMiB() - before).toFixed(1)} MiB kept\n`,
    );
  }
}

let bytes = 0;
await measure('scrape', async () => {
  bytes = (await exposition.bytes('prometheus')).length;
});
process.stdout.write(`page: ${(bytes / 1024).toFixed(0)} KiB\n`);
await measure('families', () => gatherFamilies([source]));
