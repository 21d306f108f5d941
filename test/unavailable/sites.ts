// Finds the places in the sources that can cause a 503: those that throw one, those that throw a code from
// elsewhere, and those that set the status directly.
import { readFileSync } from 'node:fs';
import { ERROR_TABLE, type ErrorCode } from '#src/errors.js';
import { sourcesBelow, withoutComments } from '#test/architecture/source.js';

const THROWERS = /\bnew\s+(\w*(?:Error|Refusal))\(\s*(?:'(\w+)'|(\w+))?/g;
const SUBCLASSES = /\bsuper\(\s*'(\w+)'/g;
const STATUS = /\bstatus\(503\)|\bwriteHead\(503\b|\bstatus:\s*503\b|['"`]503\b/g;

/** Error classes whose first argument is a code. */
const CODED = new Set(['HttpError', 'BusinessError', 'UnavailableError', 'ServerRefusal']);

const isUnavailable = (code: string): boolean => ERROR_TABLE[code as ErrorCode]?.status === 503;

/**
 * Throw sites as `src/a.ts OVERLOADED` or `src/a.ts OVERLOADED x2`; `?` stands for a code from the caller.
 */
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

/** The throw sites of the whole product. */
export const sites = (): readonly string[] =>
  sourcesBelow('src', 'workers').flatMap(({ path }) => sitesIn(path, readFileSync(path, 'utf8')));
