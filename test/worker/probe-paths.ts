// Where the probes are by default.
import type { ProbePaths } from '#src/worker/system-routes.js';

export const PROBE_PATHS: ProbePaths = { healthPath: '/health', readyPath: '/ready' };
