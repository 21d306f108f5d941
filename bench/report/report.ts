// The result of a run. The JSON file contains all of it; the table and the chart are made from it.
import { cpus, release } from 'node:os';
import type { LoadTool } from '../load/load.js';
import type { Result } from '../measure.js';
import type { BenchOptions } from '../options.js';

export interface StartFigures {
  readonly server: string;
  /** Milliseconds from spawn to the ready line. For the shop they include its embedded database. */
  readonly startMs: number;
  /** Memory before the first request. */
  readonly idlePssMiB: number;
}

export interface Report {
  /** Time of the run in ISO 8601. */
  readonly date: string;
  readonly machine: {
    readonly cpu: string;
    readonly cores: number;
    readonly kernel: string;
    readonly node: string;
  };
  readonly options: BenchOptions & { readonly tool: LoadTool['name'] };
  readonly starts: readonly StartFigures[];
  readonly results: readonly Result[];
}

export function machine(): Report['machine'] {
  const cores = cpus();
  return {
    cpu: cores[0]?.model ?? 'unknown',
    cores: cores.length,
    kernel: release(),
    node: process.version,
  };
}
