// Checks the expressions of routes. They run on text of clients, in the thread that serves all requests: a
// single URL could stop a worker with an expression that backtracks without bound (CWE-1333). Such an
// expression is refused at registration.
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/** The most ways to match one text. The expressions of usual routes have one or two. */
const MAX_WAYS = 50;
/**
 * The bound for the search itself, the same on every machine. An expression not found safe by then is unsafe.
 */
const MAX_STEPS = 3000;

/** @param source the source of a valid expression with the flag `u` */
export function isSafeExpression(source: string): boolean {
  // The package is loaded only when a route has an expression.
  const { isSafePattern } = require('redos-detector') as typeof import('redos-detector');
  return isSafePattern(source, { unicode: true, maxScore: MAX_WAYS, maxSteps: MAX_STEPS, timeout: Infinity })
    .safe;
}
