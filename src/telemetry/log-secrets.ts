// Which members and list items of a logged value are secrets. A name decides: that of the member, one in
// another member of the same object, or the list item before it.
import { isSecret, isSecretHeader } from '../redaction/secret-names.js';

/** Names of lists of header fields: name, value, name, value and so on, or pairs of both. */
const FIELD_LIST = /^(?:raw)?(?:headers|trailers)$/i;

/** Arguments after which a secret follows in a command to a server, as in `AUTH user password`. */
const BEFORE_SECRETS = /^(?:auth|requirepass|masterauth)$/i;

/** Members whose name may be in another member of the same object. */
const NAMED_VALUE = /^(?:values?|val|args|data|contents?|input|received|actual)$/i;

/**
 * What a list contains, by its name or by the list around it. `fields`: header fields. `pair`: one
 * header field in such a list. `arguments`: the arguments of a command. `item`: an item of another list.
 */
export type ListKind = 'member' | 'fields' | 'pair' | 'arguments' | 'item';

/** The kind of a list that is the member of this name. */
export function listKindOf(name: string): ListKind {
  if (FIELD_LIST.test(name)) return 'fields';
  return /^(?:args|command|cmd)$/.test(name) ? 'arguments' : 'member';
}

/**
 * True when a member is a secret by its own name, or by the name in a member beside it:
 * `{ name: 'password', value: '…' }`, `{ name: 'auth', args: ['…'] }`.
 * @param nameBeside finds that name
 */
export const isSecretMember = (name: string, value: unknown, nameBeside: () => string): boolean =>
  isSecret(name, value) || (NAMED_VALUE.test(name) && isSecret(nameBeside(), value));

/** True for an argument of a command after which all further arguments are secrets. */
export const precedesSecrets = (argument: unknown, next: unknown): boolean =>
  typeof argument === 'string' && (BEFORE_SECRETS.test(argument) || isSecret(argument, next));

/**
 * True when a list item is a secret by the item before it.
 * @param name the item before it
 * @param at index of the item
 * @param count number of items in the list
 */
export function isSecretItem(
  name: unknown,
  item: unknown,
  at: number,
  count: number,
  kind: ListKind,
): boolean {
  if (at === 0 || typeof name !== 'string' || !isSecret(name, item)) return false;
  if (kind === 'pair' || name.startsWith('-')) return true; // --password …
  if (at % 2 === 0) return false;
  // A list may contain names only, such as columns. Lists of names of header fields are rarer.
  return (
    kind === 'fields' ||
    (kind === 'item' && at === 1 && count <= 3) ||
    (count % 2 === 0 && isSecretHeader(name))
  );
}
