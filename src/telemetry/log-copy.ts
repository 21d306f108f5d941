// Copies what is to be logged before pino looks at it. Secrets are left out, by the name of a field at any
// depth and by their form inside a text. So is what is beyond the bounds of one line: a log line must not
// keep the thread from its requests, whatever graph or text a service hands over.
import { types } from 'node:util';
import { isSecret, isSecretHeader } from '../redaction/secret-names.js';
import { CENSORED } from '../redaction/secret-pairs.js';
import { MAX_TEXT, shortStack, shortText } from '../redaction/shown-text.js';
import {
  causeOf,
  entriesOf,
  isError,
  isObject,
  jsonFormOf,
  nameIn,
  readable,
  typeOf,
  UNREADABLE,
} from './log-value.js';

const CIRCULAR = '[circular]';
/** In the place of values that are beyond the bounds. */
const MORE = '[…]';
/** The name under which an object has the number of its members that are beyond them. */
const OTHERS = '…';

/** Names of lists of header fields: name, value, name, value and so on, or pairs of both. */
const FIELD_LIST = /^(?:raw)?(?:headers|trailers)$/i;

const MAX_DEPTH = 8;
/** Values of one line at all depths, and causes of its errors. */
const MAX_VALUES = 2_000;
/** Characters of all names and texts of one line. */
const MAX_CHARACTERS = 32_768;
const MAX_NAME = 128;
/** An error and its causes that are shown. */
const MAX_CHAIN = 10;
/** To write a large integer in decimal takes longer than linear time. */
const MAX_INTEGER = 2n ** 1024n;

/** Members of an error that are part of its texts. */
const TOLD = new Set(['type', 'message', 'stack']);

/** Of a command to a server: what is behind one of these is a secret, as in `AUTH user password`. */
const BEHIND = /^(?:auth|requirepass|masterauth)$/i;

/**
 * Where a list is: `fields` is a list of header fields, `pair` one in such a list, `arguments` those of a
 * command, `item` one in another.
 */
type ListKind = 'member' | 'fields' | 'pair' | 'arguments' | 'item';

/** The copy of one line, and what is left of its bounds. */
export class LineCopy {
  isCut = false;
  #values = MAX_VALUES;
  #characters = MAX_CHARACTERS;
  /** Objects that what is being copied is part of. */
  readonly #around = new Set<object>();

  /** Any value that is neither the fields nor part of them. */
  value(value: unknown): unknown {
    return isError(value) ? this.texts(value).message : this.#value(value, 0);
  }

  valueText(value: unknown): string {
    if (typeof value === 'symbol' || value === undefined) return shortText(String(value));
    if (typeof value === 'function') return '[function]';
    return shortText(JSON.stringify(this.#value(value, 0)));
  }

  /** Plain values come first, so that what an object holds cannot displace what is beside it. */
  fields(
    source: object,
    depth: number,
    names: readonly string[] = Object.keys(source),
  ): Record<string, unknown> {
    const result: Record<string, unknown> = {};
    const objects: [name: string, value: object, place: ListKind][] = [];
    for (const [at, whole] of names.entries()) {
      if (this.#isSpent()) {
        result[OTHERS] = `${names.length - at} more`;
        break;
      }
      const value = readable(source, whole);
      const name = shortText(whole, MAX_NAME);
      this.#characters -= name.length;
      result[name] = undefined;
      if (isSecretMember(source, whole, value)) {
        this.#values--;
        result[name] = CENSORED;
      } else if (isObject(value)) objects.push([name, value, placeOf(whole)]);
      else result[name] = this.#value(value, depth);
    }
    for (const [name, value, place] of objects) result[name] = this.#value(value, depth, place);
    return result;
  }

  /** Message and stack with those of the causes. */
  texts(error: Error): { readonly message: string; readonly stack: string } {
    const messages: string[] = [];
    const stacks: string[] = [];
    const chain = new Set<object>();
    for (let one: unknown = error; isObject(one); one = causeOf(one)) {
      if (chain.has(one) || chain.size === MAX_CHAIN || this.#isSpent()) {
        if (!chain.has(one)) this.isCut = true;
        stacks.push(chain.has(one) ? CIRCULAR : MORE);
        break;
      }
      chain.add(one);
      this.#values--;
      messages.push(shortText(this.#asText(readable(one, 'message'))));
      stacks.push(shortStack(this.#asText(readable(one, 'stack'))));
    }
    return { message: this.#cut(messages.join(': ')), stack: this.#cut(stacks.join('\ncaused by: ')) };
  }

  #isSpent(): boolean {
    if (this.#values > 0 && this.#characters > 0) return false;
    this.isCut = true;
    return true;
  }

  #text(text: string): string {
    const most = Math.max(0, Math.min(MAX_TEXT, this.#characters));
    const short = shortText(text, most);
    if (text.length > most) this.isCut = true;
    this.#characters -= short.length;
    return short;
  }

  /** Of a text that has been masked already. */
  #cut(text: string): string {
    const most = Math.max(0, Math.min(MAX_TEXT, this.#characters));
    const isLonger = text.length > most;
    if (isLonger) this.isCut = true;
    this.#characters -= Math.min(text.length, most);
    return isLonger ? `${text.slice(0, most)}…` : text;
  }

  #asText(value: unknown): string {
    if (typeof value === 'string') return value;
    return value === undefined ? '' : this.valueText(value);
  }

  /** Functions and symbols are left out, as in JSON. */
  #value(value: unknown, depth: number, place: ListKind = 'member'): unknown {
    this.#values--;
    switch (typeof value) {
      case 'string':
        return this.#text(value);
      case 'bigint':
        return value < MAX_INTEGER && value > -MAX_INTEGER ? value.toString() : '[bigint]';
      case 'function':
      case 'symbol':
        return undefined;
      case 'object':
        return value === null ? null : this.#object(value, depth, place);
      default:
        return value;
    }
  }

  #object(value: object, depth: number, place: ListKind): unknown {
    if (this.#around.has(value)) return CIRCULAR;
    if (this.#isSpent()) return MORE;
    this.#around.add(value);
    try {
      return this.#contents(value, depth, place);
    } catch {
      return UNREADABLE;
    } finally {
      this.#around.delete(value);
    }
  }

  #contents(value: object, depth: number, place: ListKind): unknown {
    if (ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value)) return `[${value.byteLength} bytes]`;
    if (types.isBoxedPrimitive(value)) return this.#value(value.valueOf(), depth);
    if (depth >= MAX_DEPTH) return Array.isArray(value) ? '[Array]' : '[Object]';
    if (isError(value)) return this.#error(value, depth + 1);
    if (Array.isArray(value)) return this.#items(value, value.length, depth, place);
    if (types.isSet(value)) return this.#items(value, value.size, depth, place);
    const plain = jsonFormOf(value);
    if (plain !== value) return this.#value(plain, depth + 1, place);
    const entries = entriesOf(value);
    return entries === undefined ? this.fields(value, depth + 1) : this.#items(entries, 0, depth, 'fields');
  }

  #items(items: Iterable<unknown>, count: number, depth: number, place: ListKind): unknown[] {
    const result: unknown[] = [];
    let name: unknown;
    let isBehind = false;
    for (const item of items) {
      if (this.#isSpent()) {
        result.push(MORE);
        break;
      }
      isBehind ||=
        place === 'arguments' && typeof name === 'string' && (BEHIND.test(name) || isSecret(name, item));
      if (isBehind || isSecretItem(name, item, result.length, count, place)) result.push(CENSORED);
      else result.push(this.#value(item, depth + 1, place === 'fields' ? 'pair' : 'item') ?? null);
      // Of a map it may be an object: `new Map([[{ name: 'password' }, '…']])`.
      if (place !== 'pair' || result.length === 1)
        name = place === 'pair' && isObject(item) ? nameIn(item) : item;
    }
    return result;
  }

  #error(error: Error, depth: number): Record<string, unknown> {
    const { message, stack } = this.texts(error);
    const errors = readable(error, 'errors');
    const isToldCause = causeOf(error) !== undefined;
    const names = Object.keys(error).filter((name) => !TOLD.has(name) && !(isToldCause && name === 'cause'));
    const isHidden = Array.isArray(errors) && !names.includes('errors');
    return {
      type: this.#text(typeOf(error)),
      message,
      stack,
      ...(isHidden ? { aggregateErrors: this.#value(errors, depth) } : {}),
      ...this.fields(error, depth, names),
    };
  }
}

/**
 * By its name, or by the one beside it: `{ name: 'password', value: '…' }`, `{ name: 'auth', args: ['…'] }`.
 */
const isSecretMember = (source: object, name: string, value: unknown): boolean =>
  isSecret(name, value) || (NAMED.test(name) && isSecret(nameIn(source), value));

/** Members whose name is in another one. */
const NAMED = /^(?:values?|val|args|data|contents?|input|received|actual)$/i;

const placeOf = (name: string): ListKind => {
  if (FIELD_LIST.test(name)) return 'fields';
  return /^(?:args|command|cmd)$/.test(name) ? 'arguments' : 'member';
};

/**
 * Whether an item of a list is a secret by the name in front of it.
 * @param at its place in the list @param count how many there are
 */
function isSecretItem(name: unknown, item: unknown, at: number, count: number, place: ListKind): boolean {
  if (at === 0 || typeof name !== 'string' || !isSecret(name, item)) return false;
  if (place === 'pair' || name.startsWith('-')) return true; // --password …
  if (at % 2 === 0) return false;
  // Names alone are listed as well: columns, say. Names of header fields are so less often.
  return (
    place === 'fields' ||
    (place === 'item' && at === 1 && count <= 3) ||
    (count % 2 === 0 && isSecretHeader(name))
  );
}
