// Makes the rows of the reports from the samples. Ratios are computed within a round, because two servers in
// one round share the state of the machine; then the calm rounds are chosen, and their median is reported.
import type { Cell, Measured, Sample } from './measure.js';
import type { FieldSet } from './shapes/fields.js';
import { calmRounds, distance, type Spread, spread } from './statistics.js';

export interface Result {
  readonly shape: string;
  readonly fields: FieldSet;
  readonly server: string;
  readonly cpuUs: Spread;
  readonly userUs: Spread;
  /** CPU time per request in relation to the baseline in the same round. */
  readonly ratio: Spread;
  readonly perSecond: Spread;
  readonly p50Ms: Spread;
  readonly p99Ms: Spread;
  /** Of all rounds. */
  readonly failed: number;
  /** Part of the requests of all rounds that failed. Their CPU time is charged to those that were completed. */
  readonly failedShare: number;
  readonly pssMiB: Spread;
  readonly generatorShare: Spread;
  readonly foreignShare: Spread;
  /** The rounds that the spreads above are of, counted from 0. */
  readonly calmRounds: readonly number[];
  /** Every round, also those that were not calm. */
  readonly samples: readonly Sample[];
}

/** Who the ratios are to, and who shows the noise. */
export interface Roles {
  readonly baseline: string;
  /** The same program as the baseline a second time (A/A). */
  readonly double: string;
}

/** The rows of one cell. Where the baseline is missing, the ratios are to the first server. */
export function summarize({ shape, fields }: Cell, measured: readonly Measured[], roles: Roles): Result[] {
  if (measured.length === 0) return [];
  const samplesOf = (name: string): readonly Sample[] | undefined =>
    measured.find(({ server }) => server === name)?.samples;
  const base = samplesOf(roles.baseline) ?? measured[0]!.samples;
  const ratios = (samples: readonly Sample[]): readonly number[] =>
    samples.map((sample, round) => sample.cpuUs / base[round]!.cpuUs);
  const double = samplesOf(roles.baseline) === undefined ? undefined : samplesOf(roles.double);
  const calm = calmRounds(double === undefined ? undefined : ratios(double), base.length);
  return measured.map(({ server, samples }) => {
    const over = (values: readonly number[]): Spread => spread(calm.map((round) => values[round]!));
    const of = (key: keyof Sample): Spread => over(samples.map((sample) => sample[key]));
    const sum = (key: 'completed' | 'failed'): number =>
      samples.reduce((total, sample) => total + sample[key], 0);
    return {
      shape: shape.name,
      fields,
      server,
      cpuUs: of('cpuUs'),
      userUs: of('userUs'),
      ratio: over(ratios(samples)),
      perSecond: of('perSecond'),
      p50Ms: of('p50Ms'),
      p99Ms: of('p99Ms'),
      failed: sum('failed'),
      failedShare: sum('failed') / (sum('failed') + sum('completed')),
      pssMiB: of('pssMiB'),
      generatorShare: of('generatorShare'),
      foreignShare: of('foreignShare'),
      calmRounds: calm,
      samples,
    };
  });
}

/**
 * The noise of a run: the largest distance from 1 that an A/A ratio has in a calm round, over all shapes. A
 * ratio that is nearer to 1 says nothing. undefined without a double.
 */
export function noiseOf(results: readonly Result[], { double }: Roles): number | undefined {
  const doubles = results.filter(({ server }) => server === double);
  if (doubles.length === 0) return undefined;
  return Math.max(...doubles.flatMap(({ ratio }) => [distance(ratio.min), distance(ratio.max)]));
}
