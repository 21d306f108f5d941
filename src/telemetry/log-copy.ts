// Copies a value that is to be logged, before pino reads it. Secrets are replaced, found by the names of
// fields at any depth and by their form inside strings. Whatever exceeds the bounds of one line is omitted:
// logging must not block the thread, whatever object or string a service logs.
import { types } from 'node:util';
import { CENSORED } from '../redaction/secret-pairs.js';
import { lengthOf, MAX_READ, MAX_TEXT, readLength, shortStack, shortText } from '../redaction/shown-text.js';
import { isSecretItem, isSecretMember, type ListKind, listKindOf, precedesSecrets } from './log-secrets.js';
import {
  causeOf,
  entriesOf,
  isError,
  isObject,
  jsonFormOf,
  nameIn,
  readable,
  setOwn,
  typeOf,
  UNREADABLE,
} from './log-value.js';

const CIRCULAR = '[circular]';
/** Stands for values that are beyond the bounds. */
const MORE = '[…]';
/** Name of a member that holds the number of omitted members. */
const OTHERS = '…';

const MAX_DEPTH = 8;
/** The most values of one line, counting all depths and the causes of errors. */
const MAX_VALUES = 2_000;
/**
 * The most characters that are read of all names and strings of one line. They count although a text may
 * become shorter when its secrets are masked.
 */
const MAX_CHARACTERS = 32_768;
const MAX_NAME = 128;
/** The most errors that are shown of a chain of causes. */
const MAX_CHAIN = 10;
/** Larger integers are not shown: formatting an integer in decimal takes more than linear time. */
const MAX_INTEGER = 2n ** 1024n;

/** Members of an error that have a place of their own in its copy. */
const IN_TEXTS = new Set(['type', 'message', 'stack']);

/**
 * A name that the copy does not have yet: names that are cut, or in which a secret is masked, may be equal.
 * @param at index of the member, which no other member has
 */
function unusedName(copy: object, name: string, at: number): string {
  let unused = name;
  while (Object.hasOwn(copy, unused)) unused = `${unused}#${at}`;
  return unused;
}

/** The copy of the values of one log line. It counts what is left of the bounds of the line. */
export class LineCopy {
  isCut = false;
  #values = MAX_VALUES;
  #characters = MAX_CHARACTERS;
  /** Characters of the texts that are still read at all, however little of each of them is. */
  #whole = MAX_READ;
  /** The objects that contain the value that is being copied. */
  readonly #ancestors = new Set<object>();

  /** Copies an argument of a logging call that is not the object of fields. */
  value(value: unknown): unknown {
    return isError(value) ? this.texts(value).message : this.#value(value, 0);
  }

  valueText(value: unknown): string {
    if (typeof value === 'symbol' || value === undefined) return shortText(String(value));
    if (typeof value === 'function') return '[function]';
    return shortText(JSON.stringify(this.#value(value, 0)));
  }

  /**
   * Copies fields. Plain values are copied first, so that a large object cannot displace the values beside
   * it.
   */
  fields(
    source: object,
    depth: number,
    names: readonly string[] = Object.keys(source),
  ): Record<string, unknown> {
    const result: Record<string, unknown> = {};
    const objects: [name: string, value: object, kind: ListKind][] = [];
    let beside: string | undefined;
    const nameBeside = (): string => {
      if (beside === undefined) this.#values--;
      beside ??= nameIn(source);
      return beside;
    };
    for (const [at, whole] of names.entries()) {
      if (this.#isSpent()) {
        setOwn(result, unusedName(result, OTHERS, at), `${names.length - at} more`);
        break;
      }
      const value = readable(source, whole);
      const name = unusedName(result, this.#short(whole, MAX_NAME), at);
      setOwn(result, name, undefined);
      if (isSecretMember(whole, value, nameBeside)) {
        this.#values--;
        setOwn(result, name, CENSORED);
      } else if (isObject(value)) objects.push([name, value, listKindOf(whole)]);
      else setOwn(result, name, this.#value(value, depth));
    }
    for (const [name, value, kind] of objects) setOwn(result, name, this.#value(value, depth, kind));
    return result;
  }

  /** The message and the stack of an error, each with those of its causes. */
  texts(error: Error): { readonly message: string; readonly stack: string } {
    const messages: string[] = [];
    const stacks: string[] = [];
    const chain = new Set<object>();
    const left = this.#characters;
    for (let one: unknown = error; isObject(one); one = causeOf(one)) {
      if (chain.has(one) || chain.size === MAX_CHAIN || this.#isSpent()) {
        if (!chain.has(one)) this.isCut = true;
        stacks.push(chain.has(one) ? CIRCULAR : MORE);
        break;
      }
      chain.add(one);
      this.#values--;
      messages.push(this.#short(this.#asText(readable(one, 'message'))));
      stacks.push(this.#short(this.#asText(readable(one, 'stack')), MAX_TEXT, shortStack));
    }
    const message = this.#cut(messages.join(': '), left);
    return { message, stack: this.#cut(stacks.join('\ncaused by: '), left - message.length) };
  }

  #isSpent(): boolean {
    if (this.#values > 0 && this.#characters > 0) return false;
    this.isCut = true;
    return true;
  }

  #text(text: string): string {
    const most = Math.max(0, Math.min(MAX_TEXT, this.#characters));
    if (text.length > most) this.isCut = true;
    return this.#short(text, most);
  }

  /** Masks and cuts a text, and counts what was read of it. */
  #short(text: string, most = MAX_TEXT, shorten = shortText): string {
    // A short text takes no more than is counted below.
    if (text.length > MAX_TEXT) this.#whole -= text.length;
    const short = this.#whole < 0 ? lengthOf(text) : shorten(text, most);
    this.#characters -= Math.max(short.length, this.#whole < 0 ? 0 : readLength(text, most));
    return short;
  }

  /** Cuts a text whose secrets are already masked. @param left the characters that may be shown of it */
  #cut(text: string, left: number): string {
    const most = Math.max(0, Math.min(MAX_TEXT, left));
    const isLonger = text.length > most;
    if (isLonger) this.isCut = true;
    return isLonger ? `${text.slice(0, most)}…` : text;
  }

  #asText(value: unknown): string {
    if (typeof value === 'string') return value;
    return value === undefined ? '' : this.valueText(value);
  }

  /** Copies a value. Functions and symbols are omitted, as in JSON. */
  #value(value: unknown, depth: number, kind: ListKind = 'member'): unknown {
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
        return value === null ? null : this.#object(value, depth, kind);
      default:
        return value;
    }
  }

  #object(value: object, depth: number, kind: ListKind): unknown {
    if (this.#ancestors.has(value)) return CIRCULAR;
    if (this.#isSpent()) return MORE;
    this.#ancestors.add(value);
    try {
      return this.#contents(value, depth, kind);
    } catch {
      return UNREADABLE;
    } finally {
      this.#ancestors.delete(value);
    }
  }

  #contents(value: object, depth: number, kind: ListKind): unknown {
    if (ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value)) return `[${value.byteLength} bytes]`;
    if (types.isBoxedPrimitive(value)) return this.#value(value.valueOf(), depth);
    if (depth >= MAX_DEPTH) return Array.isArray(value) ? '[Array]' : '[Object]';
    if (isError(value)) return this.#error(value, depth + 1);
    if (Array.isArray(value)) return this.#items(value, value.length, depth, kind);
    if (types.isSet(value)) return this.#items(value, value.size, depth, kind);
    const plain = jsonFormOf(value);
    if (plain !== value) return this.#value(plain, depth + 1, kind);
    const entries = entriesOf(value);
    return entries === undefined ? this.fields(value, depth + 1) : this.#items(entries, 0, depth, 'fields');
  }

  #items(items: Iterable<unknown>, count: number, depth: number, kind: ListKind): unknown[] {
    const result: unknown[] = [];
    let name: unknown;
    let isSecretTail = false;
    for (const item of items) {
      if (this.#isSpent()) {
        result.push(MORE);
        break;
      }
      isSecretTail ||= kind === 'arguments' && precedesSecrets(name, item);
      if (isSecretTail || isSecretItem(name, item, result.length, count, kind)) result.push(CENSORED);
      else result.push(this.#value(item, depth + 1, kind === 'fields' ? 'pair' : 'item') ?? null);
      // The key of a map may be an object: `new Map([[{ name: 'password' }, '…']])`.
      if (kind !== 'pair' || result.length === 1)
        name = kind === 'pair' && isObject(item) ? nameIn(item) : item;
    }
    return result;
  }

  #error(error: Error, depth: number): Record<string, unknown> {
    const { message, stack } = this.texts(error);
    const errors = readable(error, 'errors');
    const isCauseInTexts = causeOf(error) !== undefined;
    const names = Object.keys(error).filter(
      (name) => !IN_TEXTS.has(name) && !(isCauseInTexts && name === 'cause'),
    );
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
