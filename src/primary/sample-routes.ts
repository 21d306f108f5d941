// Starts to sample which routes use the CPU of the workers (telemetry/route-sampler.ts), with what it needs:
// the rows of the workers, the names of their routes, and the CPU time of this thread.
import type { Every } from '../grouped-interval.js';
import { slotActivity } from '../memory/running-route.js';
import { mainThreadTimeUs } from '../process/proc.js';
import { RouteSampler } from '../telemetry/route-sampler.js';
import type { SharedState } from './create-shared-state.js';

export const sampleRoutes = (
  { block, series, names }: Pick<SharedState, 'block' | 'series' | 'names'>,
  every: Every,
): RouteSampler =>
  new RouteSampler({
    activity: slotActivity(block),
    nameOf: (slot, route, budget) => names.of(series.of(slot), route, budget),
    cpuTimeUs: mainThreadTimeUs,
    every,
  });
