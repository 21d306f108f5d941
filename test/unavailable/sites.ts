// Everything in the sources that can become a 503: what throws one, what throws a code that it was handed,
// and what sets the status by hand.
import { readFileSync } from 'node:fs';
import { ERROR_TABLE, type ErrorCode } from '#src/errors.js';
import { sourcesBelow, withoutComments } from '#test/architecture/source.js';

const THROWERS = /\bnew\s+(\w*(?:Error|Refusal))\(\s*(?:'(\w+)'|(\w+))?/g;
const SUBCLASSES = /\bsuper\(\s*'(\w+)'/g;
const STATUS = /\bstatus\(503\)|\bstatus:\s*503\b|['"`]503\b/g;

/** Classes with a code as their first argument. */
const CODED = new Set(['HttpError', 'BusinessError', 'UnavailableError', 'Refusal']);

const isUnavailable = (code: string): boolean => ERROR_TABLE[code as ErrorCode]?.status === 503;

/** `src/a.ts OVERLOADED`, or `src/a.ts OVERLOADED x2`; `?` for a code that only the caller knows. */
export function sitesIn(path: string, text: string): readonly string[] {
  const code = withoutComments(text);
  const found = new Map<string, number>();
  const add = (what: string): void => void found.set(what, (found.get(what) ?? 0) + 1);
  for (const [, name = '', literal, variable] of code.matchAll(THROWERS)) {
    if (!CODED.has(name)) continue;
    if (literal === undefined && variable !== undefined) add('?');
    else if (literal !== undefined && (name === 'UnavailableError' || isUnavailable(literal))) add(literal);
  }
  for (const [, literal = ''] of code.matchAll(SUBCLASSES)) if (isUnavailable(literal)) add(literal);
  for (const _ of code.matchAll(STATUS)) add('503');
  return [...found].map(([what, count]) => `${path} ${what}${count === 1 ? '' : ` x${count}`}`);
}

/** Of the whole product. */
export const sites = (): readonly string[] =>
  sourcesBelow('src', 'workers').flatMap(({ path }) => sitesIn(path, readFileSync(path, 'utf8')));
