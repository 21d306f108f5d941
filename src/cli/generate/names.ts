// Names of what is generated: what a name may contain, and the identifiers that are made from it.
import { isServiceName } from '../../service-name.js';
import { WrongUsage } from '../command-failure.js';

/** Words that no variable of a module can have as its name. */
const RESERVED: ReadonlySet<string> = new Set(
  (
    'arguments await break case catch class const continue debugger default delete do else enum eval export ' +
    'extends false finally for function if implements import in instanceof interface let new null package ' +
    'private protected public return static super switch this throw true try typeof var void while with yield'
  ).split(' '),
);

/** `order-items` as `orderItems`. */
export const camelCase = (name: string): string =>
  name.replaceAll(/[-_]+([a-z0-9])/g, (_, letter: string) => letter.toUpperCase()).replaceAll(/[-_]/g, '');

/**
 * A name for a variable.
 * @param taken tests whether the module uses an identifier already
 */
export function identifierFor(name: string, suffix: string, taken: (identifier: string) => boolean): string {
  const plain = camelCase(name);
  return RESERVED.has(plain) || taken(plain) ? camelCase(`${name}-${suffix}`) : plain;
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
