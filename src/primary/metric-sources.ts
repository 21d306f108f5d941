// Metrics that the primary reads at the moment of a scrape.

import { MOST_SAGAS } from '../admin/views/problem-facts.js';
import { Refreshed } from '../admin/views/recently.js';
import { readWorkerAdmission } from '../admin/worker-admission.js';
import type { AllWorkers } from '../cluster/all-workers.js';
import { SHOWN_STATES, shownAs } from '../cluster/worker-life.js';
import { CPU_REFUSALS } from '../cpu/pool-options.js';
import type { TaskPool } from '../cpu/task-pool.js';
import { readInFlight } from '../memory/admission-cells.js';
import type { Block } from '../memory/block.js';
import { BulkheadCells } from '../memory/bulkhead-cells.js';
import type { QuotaName } from '../memory/layout.js';
import type { SeriesTotal } from '../memory/metrics/recorder.js';
import { QuotaCells } from '../memory/quota-cells.js';
import type { RegistrySync } from '../registry/backends/registry-sync.js';
import type { Registry } from '../registry/registry.js';
import type { BreakerControl } from '../resilience/breaker-contract.js';
import { currentValue, type MetricSource } from '../telemetry/metric-families.js';
import type { RouteSampler } from '../telemetry/route-sampler.js';
import type { BreakerOwners } from '../upstream/breaker-owners.js';
import type { SagaJournals } from './saga-journals.js';

/** The sagas of a journal are counted at most so often. */
const SAGAS_MS = 30_000;
/** How long a scrape waits for a count. */
const WAIT_FOR_SAGAS_MS = 300;
const BREAKER_STATES = ['closed', 'open', 'half-open'] as const;

export function workerSource(
  workers: Pick<AllWorkers, 'threads' | 'workers' | 'statuses'>,
  block: Block,
): MetricSource {
  return () => {
    const states = workers.threads.map(({ state, isOverdue }) => shownAs(state, isOverdue));
    const series = SHOWN_STATES.map((state) =>
      currentValue('multilane_workers', states.filter((one) => one === state).length, { state }),
    );
    for (const { worker, kind, isServing } of workers.statuses) {
      const labels = { worker: String(worker), kind };
      series.push(currentValue('multilane_worker_serving', Number(isServing), labels));
    }
    // A worker that is being replaced has two threads: the one in rotation has the load.
    for (const thread of workers.workers) {
      const { isShedding, owedMs, boundMs } = readWorkerAdmission(block, thread);
      const labels = { worker: String(thread.worker) };
      series.push(currentValue('multilane_worker_shedding', isShedding ? 1 : 0, labels));
      series.push(currentValue('multilane_worker_backlog_ratio', boundMs > 0 ? owedMs / boundMs : 0, labels));
    }
    return { series };
  };
}

/** Methods of a route are shown as one, as in `multilane_handler_stalls_total`. */
export function routeCpuSource(sampler: Pick<RouteSampler, 'shares' | 'samples'>): MetricSource {
  return () => {
    const byRoute = new Map<string, number>();
    for (const { route, ratio } of sampler.shares()) byRoute.set(route, (byRoute.get(route) ?? 0) + ratio);
    return {
      series: [
        ...[...byRoute].map(([route, ratio]) => currentValue('multilane_route_cpu_ratio', ratio, { route })),
        currentValue('multilane_route_cpu_samples_total', sampler.samples),
      ],
    };
  };
}

type CpuPool = Pick<
  TaskPool,
  'queueLength' | 'refused' | 'unfinished' | 'utilization' | 'running' | 'liveThreads' | 'threads'
>;

export function cpuSource(pool: CpuPool): MetricSource {
  return () => ({
    series: [
      currentValue('multilane_cpu_pool_queue_length', pool.queueLength),
      currentValue('multilane_cpu_pool_utilization_ratio', pool.utilization),
      currentValue('multilane_cpu_pool_threads_max', pool.threads),
      currentValue('multilane_cpu_threads', pool.running, { state: 'busy' }),
      currentValue('multilane_cpu_threads', Math.max(0, pool.liveThreads - pool.running), { state: 'idle' }),
      currentValue('multilane_cpu_threads_stuck', pool.unfinished.length),
      ...CPU_REFUSALS.map((reason) =>
        currentValue('multilane_cpu_tasks_refused_total', pool.refused[reason], { reason }),
      ),
    ],
  });
}

export function registrySource(
  registry: Pick<Registry, 'states'>,
  shared: Pick<RegistrySync, 'isAvailable' | 'kind'> | undefined,
): MetricSource {
  return () => ({
    series: [
      ...[...registry.states()].map(({ service, state, count }) =>
        currentValue('multilane_registry_instances', count, { service, state }),
      ),
      ...(shared === undefined
        ? []
        : [currentValue('multilane_registry_up', Number(shared.isAvailable), { registry: shared.kind })]),
    ],
  });
}

/**
 * Sagas that need an operator, by journal. A scrape shows the last count, and makes another one begin when
 * that is old. It waits a little for the first count, and where the last one is too old to be shown: scrapes
 * may be minutes apart. A journal that was not counted has no series.
 * @param clock milliseconds
 */
export function sagaSource(
  journals: Pick<SagaJournals, 'services' | 'countIn'>,
  clock?: () => number,
): MetricSource {
  const counts = new Map<string, Refreshed<number>>();
  const countOf = (service: string): Promise<number | undefined> => {
    let count = counts.get(service);
    if (count === undefined) {
      count = new Refreshed(SAGAS_MS, () => journals.countIn(service, MOST_SAGAS), clock);
      counts.set(service, count);
    }
    return count.known(WAIT_FOR_SAGAS_MS);
  };
  return async () => {
    const known = journals.services().map(async (service) => [service, await countOf(service)] as const);
    return {
      series: (await Promise.all(known)).flatMap(([service, count]) =>
        count === undefined ? [] : [currentValue('multilane_sagas_needing_attention', count, { service })],
      ),
    };
  };
}

/** What requests hold now: permits, bodies and streams. */
export function heldSource(block: Block): MetricSource {
  const bulkheads = new BulkheadCells(block, 0);
  const held = (name: QuotaName): number => new QuotaCells(block, 0, name).held;
  return () => {
    const inBulkheads = bulkheads.usage().reduce((sum, one) => sum + one.held, 0);
    return {
      series: [
        currentValue('multilane_permits_held', readInFlight(block), { kind: 'in_flight' }),
        currentValue('multilane_permits_held', inBulkheads, { kind: 'bulkhead' }),
        currentValue('multilane_pending_bodies', held('bodies')),
        currentValue('multilane_buffered_body_bytes', held('bodyBytes')),
        currentValue('multilane_open_streams', held('streams')),
      ],
    };
  };
}

/** @param guarded instances and names that have a breaker */
export function breakerSource(guarded: BreakerOwners, breakers: BreakerControl): MetricSource {
  return () => ({ series: breakerSeries(guarded, breakers) });
}

/**
 * The series of 10,000 instances take longer than a turn of the primary may last. So each one is made when it
 * is read, and the reader pauses between them.
 */
function* breakerSeries(guarded: BreakerOwners, breakers: BreakerControl): Generator<SeriesTotal> {
  for (const service of Object.keys(guarded.services())) {
    for (const { id, slot } of guarded.instances(service)) {
      const current = breakers.state(slot).state.replace('forced-', '');
      for (const state of BREAKER_STATES) {
        const labels = { service, endpoint: id, state };
        yield currentValue('multilane_breaker_state', state === current ? 1 : 0, labels);
      }
    }
  }
  const { open, halfOpen, closed } = breakers.totalTransitions();
  yield currentValue('multilane_breaker_transitions_total', open + halfOpen + closed);
}
