// Starts to sample which routes use the CPU of the workers (telemetry/route-sampler.ts), with what it needs:
// the rows of the workers, the names of their routes, and the CPU time of this thread.
import type { Every } from '../grouped-interval.js';
import { readRoutes } from '../memory/route-names.js';
import { slotActivity } from '../memory/running-route.js';
import { mainThreadTimeUs } from '../process/proc.js';
import { RouteSampler } from '../telemetry/route-sampler.js';
import type { SharedState } from './create-shared-state.js';

export const sampleRoutes = (
  { block, series }: Pick<SharedState, 'block' | 'series'>,
  every: Every,
): RouteSampler =>
  new RouteSampler({
    activity: slotActivity(block),
    routesOf: (slot) => readRoutes(series.of(slot)),
    cpuTimeUs: mainThreadTimeUs,
    every,
  });
