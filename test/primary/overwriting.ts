// A primary whose shared memory is written over, and everything that it does with that memory.
import fc from 'fast-check';
import { breakerRoutes } from '#src/admin/breaker-routes.js';
import { limitsRoute } from '#src/admin/limits-route.js';
import { callsGraph } from '#src/admin/views/calls-graph.js';
import { TrafficWatch } from '#src/admin/views/traffic-watch.js';
import { workerList } from '#src/admin/worker-list.js';
import { rowsFor } from '#src/cluster/worker-rows.js';
import { addressKeys } from '#src/memory/address-cells.js';
import { ConnectionCensus } from '#src/memory/connection-shares.js';
import { DatabaseBudget } from '#src/memory/database-budget.js';
import { MAX_ENDPOINTS } from '#src/memory/layout.js';
import { RateTable } from '#src/memory/rate/rate-table.js';
import { reclaimSlot } from '#src/memory/reclaim-slot.js';
import { RouteNames } from '#src/memory/route-names.js';
import { SnapshotLog } from '#src/memory/snapshot-log.js';
import { createSharedState, type SharedState } from '#src/primary/create-shared-state.js';
import { breakerSource, heldSource, workerSource } from '#src/primary/metric-sources.js';
import { Registry } from '#src/registry/registry.js';
import { SlotTable } from '#src/registry/slot-table.js';
import { changesText, snapshotText } from '#src/registry/snapshot-text.js';
import { flightRecordLog } from '#src/telemetry/flight-record-log.js';
import { sharedMemorySource } from '#src/telemetry/metric-families.js';
import { Exposition } from '#src/telemetry/prometheus.js';
import { withNamedBreakers } from '#src/upstream/breaker-owners.js';
import { EjectionWatch } from '#src/upstream/ejection-watch.js';
import { sweepAll } from '#test/memory/sweep-all.js';
import { silentLog } from '#test/support/silent-log.js';

const WORKERS = 2;
const SLOTS = [1, 2, 3];
const LIMITS = {
  maxInFlight: 100,
  adaptiveLimit: 'on',
  rateLimit: null,
  maxPendingBodies: 10,
  maxBufferedBodyBytes: 1_000_000,
  maxStreams: 10,
  maxStreamsPerAddress: undefined,
} as unknown as Parameters<typeof limitsRoute>[0];

/**
 * What the memory is overwritten with: words of one value, and words that differ. The header is spared,
 * because a thread reads it before it runs any other code.
 */
const fillings = fc.oneof(
  fc.constantFrom(-1, 1, 0x01010101, 0x7f7f7f7f, -0x7f7f7f80, 0x7fffffff, -0x80000000).map(always),
  fc.integer().map(scattered),
  fc.integer().map((seed) => small(scattered(seed))),
);

/**
 * Writes over all of the memory and does everything with it, repeatedly. @throws what the primary has thrown
 */
export async function overwrite(runs: number): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fillings, async (wordAt) => {
      const primary = await aPrimary();
      const words = new Int32Array(primary.sharedState.block.buffer);
      for (let index = 16; index < words.length; index++) words[index] = wordAt(index);
      for (const slot of SLOTS) {
        const rows = new Int32Array(primary.sharedState.series.of(slot));
        for (let index = 1; index < rows.length; index++) rows[index] = wordAt(index);
      }
      await everything(primary);
    }),
    { numRuns: runs },
  );
}

type Primary = Awaited<ReturnType<typeof aPrimary>>;

export async function aPrimary() {
  const settings = { breakerOpenMs: 5_000, slowCallMs: 10_000, ejectionMs: 30_000 };
  const sharedState: SharedState = createSharedState(settings, rowsFor(WORKERS), silentLog, () => undefined);
  const { block, clock, ejections } = sharedState;
  const log = new SnapshotLog(block);
  const registry = new Registry({
    clock,
    now: () => new Date(0),
    schedule: () => () => undefined,
    publish: (update) => log.publish(changesText(update), () => snapshotText(update)),
    slots: new SlotTable(
      MAX_ENDPOINTS,
      clock,
      (slot) => {
        sharedState.load.reset(slot);
        sharedState.breakers.reset(slot);
        ejections.reset(slot);
      },
      (slot) => sharedState.load.inFlight(slot) === 0,
    ),
    ejections,
    addresses: { admit: async ({ host }) => host },
    health: { watch: () => () => undefined },
    revisionPrefix: 'p',
    maxSnapshotBytes: 1 << 20,
    maxOfService: 10_000,
  });
  const put = async (id: string): Promise<void> => {
    const body = { host: '10.0.0.1', port: 80, ttlSeconds: 3600 };
    await registry.put('orders', id, body, { mayShadowLocal: false });
  };
  for (const id of ['a', 'b', 'c']) await put(id);
  const slot = sharedState.named.slotOf('orders stripe');
  sharedState.named.agree(slot, [500, 20, 5_000, 3, 10_000], false);
  return { sharedState, registry, put };
}

/**
 * Does what a process does with the memory by itself, then for operators, then when threads end and instances
 * arrive.
 */
async function everything({ sharedState, registry, put }: Primary): Promise<void> {
  const { block, series, clock, recorder, board } = sharedState;
  const threads = SLOTS.map((slot) => ({
    worker: slot,
    slot,
    generation: 1,
    state: { kind: 'ready' },
    startedAt: new Date(0),
  }));
  const supervisor = { threads, workers: threads, statuses: [] } as unknown as Parameters<
    typeof workerSource
  >[0];
  const watch = new EjectionWatch(sharedState.ejections, registry);
  for (let look = 0; look < 3; look++) watch.look();
  recorder.counter('of_the_primary_total', { reason: 'new' }).add();
  new ConnectionCensus(block).publish([[addressKeys(block)('10.0.0.1'), 1]]);
  sweepAll(RateTable.of(block, clock));
  for (const thread of threads) flightRecordLog(sharedState, silentLog)(thread, 'test');

  workerList(supervisor, block, series, clock, new RouteNames());
  const guarded = withNamedBreakers(registry, () => sharedState.named.list());
  const sources = [
    sharedMemorySource(block, series),
    heldSource(block),
    workerSource(supervisor, block),
    breakerSource(guarded, board),
  ];
  await new Exposition(sources).render('prometheus');
  const request = { params: {}, query: new URLSearchParams(), body: undefined } as never;
  await limitsRoute(LIMITS, sharedState, supervisor).route.handler(request);
  const traffic = new TrafficWatch({ memory: series });
  const seen = await traffic.lookAtOnce();
  traffic.close();
  await callsGraph(seen, { mounted: new Set(), served: new Map() });
  for (const route of breakerRoutes(guarded, board, () => ({ clockMs: clock(), wallMs: 0 })))
    if (route.method === 'GET') await route.handler(request);
  const pool = new DatabaseBudget(block, 0, 0, clock);
  pool.announceWaiting();
  pool.tryAcquire();
  pool.release();

  for (const slot of SLOTS) reclaimSlot(sharedState, slot);
  for (const id of ['b', 'd']) await put(id);
  watch.look();
}

function always(word: number): (index: number) => number {
  return () => word;
}

function scattered(seed: number): (index: number) => number {
  return (index) => Math.imul((index + seed) ^ (index >>> 7), 0x9e3779b1);
}

function small(wordAt: (index: number) => number): (index: number) => number {
  return (index) => (wordAt(index) >>> 8) & 0xff;
}
