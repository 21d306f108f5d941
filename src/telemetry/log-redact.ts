// Copies what is to be logged before pino looks at it. Secrets are left out: by the name of a field at any depth, and by
// two forms that give themselves away inside text (a bearer token, the password of a URL). So is what is beyond the bounds
// of one line: a log line must not keep the thread from its requests, whatever graph or text a service hands over.
import { types } from 'node:util';

const CENSORED = '[redacted]';
const UNREADABLE = '[unreadable]';
const CIRCULAR = '[circular]';
/** In the place of values that are beyond the bounds. */
const MORE = '[…]';
const ELLIPSIS = '…';

/** Names whose value is a secret whatever its type. */
const SECRET_NAMES = new Set([
  'authorization',
  'proxy-authorization',
  'cookie',
  'set-cookie',
  'token',
  'password',
  'secret',
]);
const SECRET = /^(?:proxy-)?authorization$|cookies?$|password|passwd|passphrase|secret|token|api[-_]?key$/i;

/** Names of lists of header fields: name, value, name, value and so on, or pairs of both. */
const FIELD_LIST = /^(?:raw)?(?:headers|trailers)$/i;

const MAX_DEPTH = 8;
/** Values of one line at all depths, and causes of its errors. */
const MAX_VALUES = 2_000;
/** Characters of all names and texts of one line. */
const MAX_CHARACTERS = 32_768;
/** Characters of one text. */
const MAX_TEXT = 8_192;
const MAX_NAME = 128;
/** Characters of a text of which a part is shown. V8 copies one that was put together before any part can be read. */
const MAX_READ = 2 ** 24;
/** An error and its causes that are shown. */
const MAX_CHAIN = 10;
/** To write a large integer in decimal takes longer than linear time. */
const MAX_INTEGER = 2n ** 1024n;
/** Of the stack of an error whose message is too long. */
const MAX_FRAMES = 2_048;
/** Read beyond a cut, so that a secret that the cut would divide is found. */
const BEYOND = 1_024;

const BEARER = /\b(bearer\s+)[\w.~+/-]{16,}=*/gi;
const URL_PASSWORD = /(:\/\/[^\s/:@"]*:)[^\s/@"]+@/g;

/** Masks secrets inside a text. */
export function maskText(text: string): string {
  const masked = text.includes('://') ? text.replace(URL_PASSWORD, `$1${CENSORED}@`) : text;
  return masked.replace(BEARER, `$1${CENSORED}`);
}

/** A text of at most so many characters and an ellipsis; of one that is longer than `MAX_READ`, its length. */
export function shortText(text: string, most = MAX_TEXT): string {
  if (text.length <= most) return text;
  if (text.length > MAX_READ) return `[${text.length} characters]`;
  return maskText(text.slice(0, most + BEYOND)).slice(0, most) + ELLIPSIS;
}

/** A stack whose long message is cut, with the frames that follow it. */
function shortStack(stack: string): string {
  if (stack.length <= MAX_TEXT || stack.length > MAX_READ) return shortText(stack);
  const end = stack.slice(-MAX_FRAMES);
  const frames = end.indexOf('\n    at ');
  return shortText(stack, MAX_TEXT - MAX_FRAMES) + (frames < 0 ? '' : end.slice(frames));
}

/** Fields that are bound to a logger. */
export const redact = (fields: object): Record<string, unknown> => new LineCopy().fields(fields, 0);

/**
 * The arguments of a logging call, each a plain copy within the bounds.
 * @throws whatever looking at the names of its fields throws
 */
export function redactArguments([first, ...rest]: readonly unknown[]): unknown[] {
  const copy = new LineCopy();
  if (typeof first !== 'object' || first === null) {
    return [first, ...rest].map((argument) => copy.argument(argument));
  }
  // First: large fields must not displace the message.
  const others = [rest[0] ?? messageOf(first), ...rest.slice(1)].map((argument) => copy.argument(argument));
  const fields = copy.fields(asFields(first), 0);
  if (copy.isCut) fields.truncated = true;
  return [fields, ...others];
}

/** Whatever was thrown as one text, within the bounds of a line. Never throws. */
export function thrownText(thrown: unknown): string {
  const copy = new LineCopy();
  if (!isError(thrown)) return copy.shown(thrown);
  const { message, stack } = copy.texts(thrown);
  return stack.includes(message) ? stack : `${message}\n${stack}`;
}

/** A value as one text, within the bounds of a line. Never throws. */
export const shown = (value: unknown): string => new LineCopy().shown(value);

/** What has no fields that are named gets a name; an object with a form for JSON is logged in that form. */
function asFields(source: object): object {
  if (isError(source)) return { err: source };
  if (hasNames(source)) {
    const plain = jsonFormOf(source);
    if (plain === source || hasNames(plain)) return plain as object;
  }
  return { value: source };
}

const hasNames = (value: unknown): boolean =>
  isObject(value) && !Array.isArray(value) && !ArrayBuffer.isView(value) && !types.isBoxedPrimitive(value);

/** @throws whatever `toJSON` throws */
function jsonFormOf(value: object): unknown {
  const { toJSON } = value as { readonly toJSON?: unknown };
  return typeof toJSON === 'function' ? (toJSON.call(value, '') as unknown) : value;
}

/** pino's rule for a line without a message. */
function messageOf(source: object): unknown {
  if (isError(source)) return readable(source, 'message');
  if (readable(source, 'msg') !== undefined) return undefined;
  const error = readable(source, 'err');
  return isObject(error) ? readable(error, 'message') : undefined;
}

/** A property, or a word in its place when reading it throws. */
function readable(source: object, name: string): unknown {
  try {
    return (source as Record<string, unknown>)[name];
  } catch {
    return UNREADABLE;
  }
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

function isError(value: unknown): value is Error {
  try {
    return value instanceof Error;
  } catch {
    return false;
  }
}

/** A list of header fields without the values of those that are secret; anything else as it is. */
function withoutSecrets(list: object): unknown {
  try {
    if (!Array.isArray(list)) return list;
    const items: readonly unknown[] = list.slice(0, MAX_VALUES);
    return items.map((item, index) => {
      if (Array.isArray(item)) return isSecretField(item[0]) ? [item[0], CENSORED] : (item as unknown);
      return index % 2 === 1 && isSecretField(items[index - 1]) ? CENSORED : item;
    });
  } catch {
    return UNREADABLE;
  }
}

const isSecretField = (name: unknown): boolean =>
  typeof name === 'string' && isSecret(name.slice(0, MAX_NAME), '');

const isSecret = (name: string, value: unknown): boolean =>
  SECRET_NAMES.has(name)
    ? value !== undefined && value !== null
    : (typeof value === 'string' || typeof value === 'bigint' || isObject(value)) && SECRET.test(name);

/** The copy of one line, and what is left of its bounds. */
class LineCopy {
  isCut = false;
  #values = MAX_VALUES;
  #characters = MAX_CHARACTERS;
  /** Objects that what is being copied is part of. */
  readonly #around = new Set<object>();

  /** What is neither the fields nor part of them: the message, and what goes into it. */
  argument(value: unknown): unknown {
    return isError(value) ? this.texts(value).message : this.#value(value, 0);
  }

  shown(value: unknown): string {
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
    const objects: [name: string, value: unknown][] = [];
    for (const whole of names) {
      if (this.#isSpent()) break;
      const value = readable(source, whole);
      const name = shortText(whole, MAX_NAME);
      this.#characters -= name.length;
      result[name] = isSecret(name, value) ? CENSORED : undefined;
      if (result[name] === CENSORED) this.#values--;
      else if (isObject(value)) objects.push([name, FIELD_LIST.test(name) ? withoutSecrets(value) : value]);
      else result[name] = this.#value(value, depth);
    }
    for (const [name, value] of objects) result[name] = this.#value(value, depth);
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
    return { message: this.#text(messages.join(': ')), stack: this.#text(stacks.join('\ncaused by: ')) };
  }

  #isSpent(): boolean {
    if (this.#values > 0 && this.#characters > 0) return false;
    this.isCut = true;
    return true;
  }

  #text(text: string): string {
    const short = shortText(text, Math.max(0, Math.min(MAX_TEXT, this.#characters)));
    if (short !== text) this.isCut = true;
    this.#characters -= short.length;
    return short;
  }

  #asText(value: unknown): string {
    if (typeof value === 'string') return value;
    return value === undefined ? '' : this.shown(value);
  }

  /** Functions and symbols are left out, as in JSON. */
  #value(value: unknown, depth: number): unknown {
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
        return value === null ? null : this.#object(value, depth);
      default:
        return value;
    }
  }

  #object(value: object, depth: number): unknown {
    if (this.#around.has(value)) return CIRCULAR;
    if (this.#isSpent()) return MORE;
    this.#around.add(value);
    try {
      return this.#contents(value, depth);
    } catch {
      return UNREADABLE;
    } finally {
      this.#around.delete(value);
    }
  }

  #contents(value: object, depth: number): unknown {
    if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
    if (types.isBoxedPrimitive(value)) return this.#value(value.valueOf(), depth);
    if (depth >= MAX_DEPTH) return Array.isArray(value) ? '[Array]' : '[Object]';
    if (isError(value)) return this.#error(value, depth + 1);
    if (types.isMap(value)) return this.#items(value, depth, (entry) => this.#entry(entry, depth));
    if (Array.isArray(value) || types.isSet(value)) return this.#items(value, depth);
    const plain = jsonFormOf(value);
    return plain === value ? this.fields(value, depth + 1) : this.#value(plain, depth + 1);
  }

  #items<T>(
    items: Iterable<T>,
    depth: number,
    copy: (item: T) => unknown = (item) => this.#value(item, depth + 1),
  ): unknown[] {
    const result: unknown[] = [];
    for (const item of items) {
      if (this.#isSpent()) {
        result.push(MORE);
        break;
      }
      result.push(copy(item) ?? null);
    }
    return result;
  }

  #entry([key, value]: readonly [unknown, unknown], depth: number): unknown[] {
    const hidden = typeof key === 'string' && isSecret(key.slice(0, MAX_NAME), value);
    return [this.#value(key, depth + 1), hidden ? CENSORED : (this.#value(value, depth + 1) ?? null)];
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

/** Members of an error that are part of its texts. */
const TOLD = new Set(['type', 'message', 'stack']);

function typeOf(error: Error): string {
  const made = readable(error, 'constructor');
  const name = typeof made === 'function' ? readable(made, 'name') : readable(error, 'name');
  return typeof name === 'string' ? name : 'Error';
}

/** Undefined for a cause that is nothing like an error. */
function causeOf(error: object): object | undefined {
  const cause = readable(error, 'cause');
  return isObject(cause) && typeof readable(cause, 'message') === 'string' ? cause : undefined;
}
