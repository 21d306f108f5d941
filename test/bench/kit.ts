// Samples and results for tests of the bench, with the members that a test does not care about filled in.
import type { Cell, Measured, Sample } from '#bench/measure.js';
import type { Machine } from '#bench/report/report.js';
import { shapeNamed } from '#bench/shapes/shapes.js';
import { type Result, type Roles, summarize } from '#bench/summarize.js';

export const MACHINE: Machine = {
  cpu: 'a CPU',
  cores: 2,
  memoryMiB: 4096,
  kernel: '6.1',
  node: 'v20',
  commit: 'abc',
  loadBefore: 0,
};
export const ROLES: Roles = { baseline: 'A', double: 'A again' };
export const JSON_BARE: Cell = { shape: shapeNamed('json'), fields: 'bare' };

export const sample = (cpuUs: number, failed = 0): Sample => ({
  cpuUs,
  userUs: cpuUs / 2,
  perSecond: 1e6 / cpuUs,
  p50Ms: 1,
  p99Ms: 2,
  completed: 1000,
  failed,
  pssMiB: 50,
  generatorShare: 0.5,
  foreignShare: 0,
});

export const measured = (server: string, ...cpuUs: readonly number[]): Measured => ({
  server,
  samples: cpuUs.map((us) => sample(us)),
});

export const rows = (...servers: readonly Measured[]): Result[] => summarize(JSON_BARE, servers, ROLES);
