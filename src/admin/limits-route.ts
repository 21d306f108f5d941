// `GET /limits`: what bounds the work of the process now, and how often it has refused.
import type { AllWorkers } from '../cluster/all-workers.js';
import type { Settings } from '../config.js';
import { AdmissionCells } from '../memory/admission-cells.js';
import type { Block } from '../memory/block.js';
import { BulkheadCells } from '../memory/bulkhead-cells.js';
import type { Clock } from '../memory/clock.js';
import { DatabaseBudget } from '../memory/database-budget.js';
import type { QuotaName } from '../memory/layout.js';
import type { SeriesMemory } from '../memory/metrics/series-memory.js';
import { TotalsReader } from '../memory/metrics/totals.js';
import { NameTable } from '../memory/name-table.js';
import { QuotaCells } from '../memory/quota-cells.js';
import { ClusterRates } from '../memory/rate/cluster-rates.js';
import { RateTable } from '../memory/rate/rate-table.js';
import { rateText } from '../rate.js';
import { half } from '../resilience/quota.js';
import { coalescedAfresh } from '../telemetry/coalesced.js';
import { Pace, partsInTurns } from '../telemetry/pace.js';
import type { AdminRoute } from './admin-route.js';
import { readWorkerAdmission } from './worker-admission.js';

type LimitSettings = Pick<
  Settings,
  | 'maxInFlight'
  | 'adaptiveLimit'
  | 'rateLimit'
  | 'rateLimitScope'
  | 'maxPendingBodies'
  | 'maxBufferedBodyBytes'
  | 'maxStreams'
  | 'maxStreamsPerAddress'
>;

interface SharedCounts {
  readonly block: Block;
  readonly clock: Clock;
  readonly series: SeriesMemory;
}

const SHED = 'multilane_requests_shed_total';
const RATE_LIMITED = 'multilane_rate_limited_total';
const RATE_OVERFLOW = 'multilane_rate_limit_overflow_total';
/** The metrics of which the response has totals. */
const COUNTED: ReadonlySet<string> = new Set([SHED, RATE_LIMITED, RATE_OVERFLOW]);

/** Returns the totals of one metric, by the values of one of its labels. */
export type TotalsBy = (metric: string, label: string) => Readonly<Record<string, number>>;

export type LimitsJson = Awaited<ReturnType<ReturnType<typeof limitsView>>>;

/** `GET /limits`, and its value where totals are known already. */
export interface LimitsRoute {
  readonly route: AdminRoute;
  readonly read: (totalsBy: TotalsBy) => Promise<LimitsJson>;
}

export function limitsRoute(
  settings: LimitSettings,
  shared: SharedCounts,
  supervisor: Pick<AllWorkers, 'threads'>,
): LimitsRoute {
  const reader = new TotalsReader(shared.series, { metrics: COUNTED });
  const readTotals = coalescedAfresh(() => reader.readInTurns(new Pace().rest));
  const read = limitsView(settings, shared, supervisor);
  const handler = async () => {
    const { series: totals } = await readTotals();
    const totalsBy: TotalsBy = (metric, label) =>
      Object.fromEntries(
        totals
          .filter((one) => one.metric === metric)
          .map(({ labels, value }) => [labels[label] ?? '', value]),
      );
    return { status: 200, json: await read(totalsBy) };
  };
  return { route: { method: 'GET', path: '/limits', handler }, read };
}

function limitsView(
  settings: LimitSettings,
  { block, clock }: SharedCounts,
  supervisor: Pick<AllWorkers, 'threads'>,
) {
  const concurrency = concurrencyView(settings, block, supervisor);
  const bodiesAndStreams = quotaView(settings, block);
  const bulkheads = new BulkheadCells(block, 0);
  const rateLimits = rateLimitView(settings, block, clock);
  return async (totalsBy: TotalsBy) => {
    const rates = await rateLimits(totalsBy);
    return {
      concurrency: concurrency(totalsBy),
      ...bodiesAndStreams(),
      bulkheads: bulkheads
        .usage()
        .map(({ name, held, terms }) => ({ name, held, limit: terms?.[0] ?? null })),
      databaseConnections: DatabaseBudget.usage(block, clock),
      rateLimits: rates,
    };
  };
}

function concurrencyView(
  { maxInFlight, adaptiveLimit }: LimitSettings,
  block: Block,
  supervisor: Pick<AllWorkers, 'threads'>,
) {
  const admission = new AdmissionCells(block, 0);
  return (totalsBy: TotalsBy) => ({
    inFlight: admission.inFlight,
    maxInFlight,
    adaptive: adaptiveLimit,
    workers: supervisor.threads.map((thread) => {
      const { worker: id, generation } = thread;
      const shown = readWorkerAdmission(block, thread);
      const { inFlight, isShedding: shedding, owedMs, boundMs, holdMs } = shown;
      return { id, generation, inFlight, shedding, owedMs, boundMs, holdMs };
    }),
    routes: admission.usage(),
    shed: totalsBy(SHED, 'reason'),
  });
}

function quotaView(
  { maxPendingBodies, maxBufferedBodyBytes, maxStreams, maxStreamsPerAddress }: LimitSettings,
  block: Block,
) {
  const held = (name: QuotaName): number => new QuotaCells(block, 0, name).held;
  return () => ({
    bodies: {
      pending: held('bodies'),
      maxPending: maxPendingBodies,
      bufferedBytes: held('bodyBytes'),
      maxBufferedBytes: maxBufferedBodyBytes,
    },
    streams: {
      open: held('streams'),
      max: maxStreams,
      maxPerAddress: maxStreamsPerAddress ?? half(maxStreams),
    },
  });
}

function rateLimitView({ rateLimit, rateLimitScope }: LimitSettings, block: Block, clock: Clock) {
  const named = new NameTable(block, 'rate');
  const rates = RateTable.of(block, clock);
  const shared = new ClusterRates({ block, clock });
  // Each limit has some ten thousand rows. Clients that ask at the same time share one count of them.
  const usage = coalescedAfresh(async () => ({
    keys: await partsInTurns(rates.usageInParts()),
    cluster: await partsInTurns(shared.usageInParts()),
  }));
  return async (totalsBy: TotalsBy) => {
    const { keys, cluster } = await usage();
    return {
      default: rateLimit === null ? null : rateText(rateLimit),
      scope: rateLimitScope,
      named: named.list().map(({ name, terms }) => ({ name, limit: termsText(terms) })),
      keys,
      cluster: { members: shared.members, keys: cluster },
      refused: totalsBy(RATE_LIMITED, 'limit'),
      overflow: totalsBy(RATE_OVERFLOW, '')[''] ?? 0,
    };
  };
}

const termsText = ([count = 0, periodMs = 0, burst = 0]: readonly number[] = []): string =>
  rateText({ count, periodMs, burst });
