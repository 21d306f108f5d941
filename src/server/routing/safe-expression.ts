// Expressions of routes run on what strangers send, in the thread that serves everybody: one that backtracks
// without bound (CWE-1333) would let a single URL stop a worker. So it is refused at registration.
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/** More ways than this to match one text are too many; the expressions of real routes have one or two. */
const MAX_WAYS = 50;
/** Bounds the search itself, alike on every machine. What is not found safe by then passes for unsafe. */
const MAX_STEPS = 3000;

/** @param source of a valid expression with the flag `u` */
export function isSafeExpression(source: string): boolean {
  // Only where a route has an expression.
  const { isSafePattern } = require('redos-detector') as typeof import('redos-detector');
  return isSafePattern(source, { unicode: true, maxScore: MAX_WAYS, maxSteps: MAX_STEPS, timeout: Infinity })
    .safe;
}
