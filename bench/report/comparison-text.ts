// Prints the comparison of A and B.
import type { Comparison } from '../verdict.js';
import { table } from './markdown.js';

export function comparisonText(
  { verdicts, missing, isWorse }: Comparison,
  { a, b }: { readonly a: string; readonly b: string },
): string {
  const rows = verdicts.map(({ what, ratio, noise, verdict, hasNewFailures }) => [
    what,
    hasNewFailures ? 'worse: requests failed' : verdict,
    ratio.toFixed(3),
    `${(100 * noise).toFixed(1)} %`,
  ]);
  return [
    `A: ${a}`,
    `B: ${b}`,
    '',
    table(['CPU time per request, or', 'B is', 'B : A', 'noise'], rows, 2),
    '',
    'Noise is how much A differed from A in the same run.',
    ...(missing.length === 0 ? [] : [`Only one of the two has: ${missing.join(', ')}.`]),
    isWorse ? 'B is worse.' : 'B is not worse.',
  ].join('\n');
}
