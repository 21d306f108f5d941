// What bounds the work of the process now, and how often it has refused (CONTRACT section 5).
import { setImmediate as turn } from 'node:timers/promises';
import type { Supervisor } from '../cluster/supervisor.js';
import type { Settings } from '../config.js';
import { AdmissionCells } from '../memory/admission-cells.js';
import type { Block } from '../memory/block.js';
import { BulkheadCells } from '../memory/bulkhead-cells.js';
import type { Clock } from '../memory/clock.js';
import { DatabaseBudget } from '../memory/database-budget.js';
import type { QuotaName } from '../memory/layout.js';
import type { SeriesMemory } from '../memory/metrics/series-memory.js';
import { readTotalsInTurns } from '../memory/metrics/totals.js';
import { NameTable } from '../memory/name-table.js';
import { QuotaCells } from '../memory/quota-cells.js';
import { RateTable } from '../memory/rate/rate-table.js';
import { rateText } from '../rate.js';
import { half } from '../resilience/quota.js';
import { coalesced } from '../telemetry/coalesced.js';
import type { AdminRoute } from './admin-route.js';
import { readWorkerAdmission } from './worker-admission.js';

export function limitsRoute(
  settings: Pick<
    Settings,
    | 'maxInFlight'
    | 'adaptiveLimit'
    | 'rateLimit'
    | 'maxPendingBodies'
    | 'maxBufferedBodyBytes'
    | 'maxStreams'
    | 'maxStreamsPerAddress'
  >,
  {
    block,
    clock,
    series: memory,
  }: { readonly block: Block; readonly clock: Clock; readonly series: SeriesMemory },
  supervisor: Pick<Supervisor, 'threads'>,
): AdminRoute {
  const { maxInFlight, adaptiveLimit, rateLimit } = settings;
  const held = (name: QuotaName): number => new QuotaCells(block, 0, name).held;
  const admission = new AdmissionCells(block, 0);
  const bulkheads = new BulkheadCells(block, 0);
  const named = new NameTable(block, 'rate');
  const rates = RateTable.of(block, clock);
  const totalsNow = coalesced(() => readTotalsInTurns(memory, turn));
  return {
    method: 'GET',
    path: '/limits',
    async handler() {
      const { series } = await totalsNow();
      /** Totals of one metric by one of its labels. */
      const totals = (metric: string, label: string): Record<string, number> =>
        Object.fromEntries(
          series
            .filter((one) => one.metric === metric)
            .map(({ labels, value }) => [labels[label] ?? '', value]),
        );
      return {
        status: 200,
        json: {
          concurrency: {
            inFlight: admission.inFlight,
            maxInFlight,
            adaptive: adaptiveLimit,
            workers: supervisor.threads.map((thread) => {
              const {
                inFlight,
                isShedding: shedding,
                owedMs,
                boundMs,
                holdMs,
              } = readWorkerAdmission(block, thread);
              const { worker: id, generation } = thread;
              return { id, generation, inFlight, shedding, owedMs, boundMs, holdMs };
            }),
            routes: admission.usage(),
            shed: totals('multilane_requests_shed_total', 'reason'),
          },
          bodies: {
            pending: held('bodies'),
            maxPending: settings.maxPendingBodies,
            bufferedBytes: held('bodyBytes'),
            maxBufferedBytes: settings.maxBufferedBodyBytes,
          },
          streams: {
            open: held('streams'),
            max: settings.maxStreams,
            maxPerAddress: settings.maxStreamsPerAddress ?? half(settings.maxStreams),
          },
          bulkheads: bulkheads
            .usage()
            .map(({ name, held, terms }) => ({ name, held, limit: terms?.[0] ?? null })),
          databaseConnections: DatabaseBudget.usage(block, clock),
          rateLimits: {
            default: rateLimit === null ? null : rateText(rateLimit),
            named: named.list().map(({ name, terms }) => ({ name, limit: termsText(terms) })),
            keys: rates.usage(),
            refused: totals('multilane_rate_limited_total', 'limit'),
            overflow: totals('multilane_rate_limit_overflow_total', '')[''] ?? 0,
          },
        },
      };
    },
  };
}

const termsText = ([count = 0, periodMs = 0, burst = 0]: readonly number[] = []): string =>
  rateText({ count, periodMs, burst });
