// Names of what is generated: what a name may contain, and the identifiers that are made from it.
import { isServiceName } from '../../service-name.js';
import { WrongUsage } from '../command-failure.js';
import { skeleton } from './source-edit.js';

/** Words that no variable of a module can have as its name, in JavaScript or in TypeScript. */
const RESERVED: ReadonlySet<string> = new Set(
  (
    'arguments await break case catch class const continue debugger default delete do else enum eval export ' +
    'exports extends false finally for function globalThis if implements import in instanceof interface let ' +
    'module new null package private protected public require return static super switch this throw true try ' +
    'typeof undefined var void while with yield'
  ).split(' '),
);

/** `order-items` as `orderItems`. */
export const camelCase = (name: string): string =>
  name.replaceAll(/[-_]+([a-z0-9])/g, (_, letter: string) => letter.toUpperCase()).replaceAll(/[-_]/g, '');

/**
 * A name for a variable: that of the part, followed by the suffix as often as it takes to be free.
 * @param texts the code in which the variable stands. What it has as a word outside strings is taken.
 */
export function identifierFor(name: string, suffix: string, texts: readonly string[]): string {
  const code = texts.map((text) => skeleton(text) ?? text);
  const isTaken = (word: string): boolean =>
    RESERVED.has(word) || code.some((text) => new RegExp(`(?<![\\w$])${word}(?![\\w$])`).test(text));
  let candidate = name;
  while (isTaken(camelCase(candidate))) candidate += `-${suffix}`;
  return camelCase(candidate);
}

/** @throws WrongUsage for a name that cannot be used, with one that can */
export function checkName(what: string, name: string): void {
  if (isServiceName(name) && !name.endsWith('-')) return;
  const better = name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1-$2')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^[^a-z]+|-+$/g, '')
    .slice(0, 63);
  const hint = isServiceName(better) ? `; for example ${better}` : '';
  throw new WrongUsage(
    `"${name}" cannot be the name of a ${what}: lower case letters, digits and hyphens, at most 63, a letter first${hint}`,
  );
}
