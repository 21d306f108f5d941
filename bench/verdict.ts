// Judges B against A. B is worse in something when it needs more of it than A beyond the noise.
import { distance, spread } from './statistics.js';
import { noiseOf, type Result, type Roles } from './summarize.js';

/** The least difference that counts on the calmest machine: clock ticks and code layout make as much. */
export const LEAST = 0.01;

export interface Verdict {
  /** What was measured, such as `json (bare)`. */
  readonly what: string;
  /** B in relation to A: the median of the rounds. */
  readonly ratio: number;
  /** Distances from 1 up to this are noise (see `distance` in statistics.ts). */
  readonly noise: number;
  readonly verdict: 'worse' | 'better' | 'same';
  /** B had failed requests, and A had none. It makes B worse whatever its ratio. */
  readonly hasNewFailures: boolean;
}

export interface Comparison {
  readonly verdicts: readonly Verdict[];
  /** What only one of the two has. */
  readonly missing: readonly string[];
  readonly isWorse: boolean;
}

const nameOf = ({ shape, fields }: Pick<Result, 'shape' | 'fields'>): string => `${shape} (${fields})`;

/**
 * Judges the CPU time of two checkouts that were measured in one run, where A is the baseline.
 * @throws Error when the run has no double of A: without it nothing says what is noise
 */
export function judgeRun(results: readonly Result[], roles: Roles, candidate: string): Comparison {
  const noise = noiseOf(results, roles);
  if (noise === undefined)
    throw new Error(`bench: "${roles.double}" was not measured, so the noise is unknown`);
  const of = (name: string): readonly Result[] => results.filter(({ server }) => server === name);
  return judge(of(roles.baseline), of(candidate), noise, (_a, b) => b.ratio.median);
}

/** The results of an earlier run, with the names of its baseline and double. */
export interface EarlierRun {
  readonly results: readonly Result[];
  readonly roles: Roles;
}

/**
 * Judges one server in two result files by its ratios to the baselines of these runs. The noise of both adds
 * up.
 * @throws Error when a run has no double
 */
export function judgeFiles(a: EarlierRun, b: EarlierRun, server: string): Comparison {
  const noises = [a, b].map(({ results, roles }) => noiseOf(results, roles));
  const noise = noises.reduce<number>((sum, one) => {
    if (one === undefined) throw new Error('bench: a result file has no A/A row, so its noise is unknown');
    return sum + one;
  }, 0);
  const of = ({ results }: EarlierRun): readonly Result[] => results.filter((row) => row.server === server);
  return judge(of(a), of(b), noise, (before, after) => after.ratio.median / before.ratio.median);
}

function judge(
  a: readonly Result[],
  b: readonly Result[],
  noise: number,
  ratioOf: (a: Result, b: Result) => number,
): Comparison {
  const partner = (rows: readonly Result[], row: Result): Result | undefined =>
    rows.find((other) => nameOf(other) === nameOf(row));
  const verdicts = a.flatMap((row) => {
    const other = partner(b, row);
    if (other === undefined) return [];
    const hasNewFailures = other.failed > 0 && row.failed === 0;
    return [verdictOf(nameOf(row), ratioOf(row, other), noise, hasNewFailures)];
  });
  const lost = a.filter((row) => partner(b, row) === undefined);
  const added = b.filter((row) => partner(a, row) === undefined);
  return {
    verdicts,
    missing: [...lost, ...added].map(nameOf),
    // A shape that B does not serve any more is a loss as well; one that is new in B is none.
    isWorse: lost.length > 0 || verdicts.some(({ verdict }) => verdict === 'worse'),
  };
}

function verdictOf(what: string, ratio: number, measuredNoise: number, hasNewFailures = false): Verdict {
  const noise = Math.max(LEAST, measuredNoise);
  const differs = distance(ratio) > noise;
  let verdict: Verdict['verdict'] = 'same';
  if (hasNewFailures || (differs && ratio > 1)) verdict = 'worse';
  else if (differs) verdict = 'better';
  return { what, ratio, noise, verdict, hasNewFailures };
}

/** One figure of A, of A again and of B in each round, such as the milliseconds of a start. */
export interface Series {
  readonly what: string;
  readonly a: readonly number[];
  readonly double: readonly number[];
  readonly b: readonly number[];
}

/**
 * Judges figures of which there are few. So all rounds count, and the largest distance of A/A in any is the
 * noise.
 */
export function judgeSeries({ what, a, double, b }: Series): Verdict {
  const ratios = (values: readonly number[]): readonly number[] =>
    values.map((value, round) => value / a[round]!);
  return verdictOf(what, spread(ratios(b)).median, Math.max(...ratios(double).map(distance)));
}

/** Both together: B is worse when it is worse in one of them. */
export const withVerdicts = (comparison: Comparison, more: readonly Verdict[]): Comparison => ({
  ...comparison,
  verdicts: [...comparison.verdicts, ...more],
  isWorse: comparison.isWorse || more.some(({ verdict }) => verdict === 'worse'),
});
