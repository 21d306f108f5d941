// Options that a caller gives: which there are, and what each may be. One that is misspelt would be missed in
// silence (a bulkhead without its queue, a call without its timeout), so it is refused, and the message names
// the one meant.
import { types } from 'node:util';
import { suggestedName } from './name-suggestion.js';

/** What an option may be. */
export interface OptionKind {
  /** Follows "must be". */
  readonly text: string;
  readonly is: (value: unknown) => boolean;
}

/** The options of one object. Where `required` does not name an option, it may be undefined. */
export interface OptionsShape {
  /** Written as code, for who gives something else than an object. */
  readonly example: string;
  readonly kinds: ReadonlyMap<string, OptionKind>;
  readonly required: readonly string[];
}

/** Makes the error for a reason, and says in front of it whose options they are. */
export type ErrorFactory = (reason: string) => Error;

/** @typeParam O the type of the options: each of them needs a kind */
export function shapeOf<O extends object>(
  example: string,
  kinds: { readonly [K in keyof Required<O>]: OptionKind },
  required: readonly (keyof O & string)[] = [],
): OptionsShape {
  return { example, kinds: new Map(Object.entries<OptionKind>(kinds)), required };
}

/**
 * Allocates nothing unless it throws: it is called for every call.
 * @throws what `fault` makes, for something that is no object, an unknown option, and a value of another kind
 */
export function checkOptions(given: unknown, shape: OptionsShape, fault: ErrorFactory): void {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw fault(`options must be an object such as ${shape.example}, not ${describeValue(given)}`);
  }
  const options = given as Readonly<Record<string, unknown>>;
  const { kinds, required } = shape;
  for (const name in options) {
    const value = options[name];
    const kind = kinds.get(name);
    if (kind === undefined) throw fault(unknownName('option', name, [...kinds.keys()]));
    if (value !== undefined && !kind.is(value))
      throw fault(`${name} must be ${kind.text}, not ${describeValue(value)}`);
  }
  for (let at = 0; at < required.length; at++) {
    const name = required[at]!;
    if (options[name] === undefined) throw fault(`${name} must be ${kinds.get(name)!.text}, not undefined`);
  }
}

/** @param what the names are names of: `option`, `member` */
function unknownName(what: string, name: string, known: readonly string[]): string {
  const near = suggestedName(name, known);
  const hint = near === undefined ? ';' : `, did you mean "${near}"?`;
  return `unknown ${what} "${name}"${hint} known are ${known.join(', ')}`;
}

/** A member that nobody reads, of something that is checked by itself. @throws what `fault` makes */
export function refuseUnknownMembers(of: object, known: readonly string[], fault: ErrorFactory): void {
  for (const name of Object.keys(of))
    if (!known.includes(name)) throw fault(unknownName('member', name, known));
}

/** @param example written as code @throws what `fault` makes */
export function requireFunction(name: string, given: unknown, example: string, fault: ErrorFactory): void {
  if (typeof given === 'function') return;
  if (types.isPromise(given)) given.catch(() => {}); // this refusal says it first
  throw fault(`${name} must be a function, such as ${example}, not ${describeValue(given)}`);
}

/** A `Fault` that makes TypeErrors. */
export const typeErrorFor =
  (what: string): ErrorFactory =>
  (reason) =>
    new TypeError(`${what}: ${reason}`);

const SHOWN_LENGTH = 60;

/** A value in a message: text as JSON, an object by its class. */
export function describeValue(value: unknown): string {
  if (typeof value === 'string') {
    return JSON.stringify(value.length > SHOWN_LENGTH ? `${value.slice(0, SHOWN_LENGTH)}…` : value);
  }
  if (typeof value === 'function') return 'a function';
  if (typeof value !== 'object' || value === null)
    return typeof value === 'bigint' ? `${value}n` : String(value);
  if (Array.isArray(value)) return 'an array';
  return classOf(value) ?? 'an object';
}

/** undefined: a plain object, or one that does not say. */
function classOf(value: object): string | undefined {
  try {
    const name: unknown = value.constructor?.name;
    return typeof name === 'string' && name !== '' && name !== 'Object' ? `a ${name}` : undefined;
  } catch {
    return undefined; // a getter of the caller's
  }
}

export const TEXT: OptionKind = { text: 'a text', is: (value) => typeof value === 'string' };
export const SWITCH: OptionKind = { text: 'true or false', is: (value) => typeof value === 'boolean' };
export const FUNCTION: OptionKind = { text: 'a function', is: (value) => typeof value === 'function' };
export const FILLED_TEXT: OptionKind = {
  text: 'a text that is not empty',
  is: (value) => typeof value === 'string' && value !== '',
};
export const SIGNAL: OptionKind = { text: 'an AbortSignal', is: (value) => value instanceof AbortSignal };
/** For what is checked elsewhere, or may be any value. */
export const ANYTHING: OptionKind = { text: 'anything', is: () => true };

export const oneOf = (...choices: readonly string[]): OptionKind => ({
  text: choices.map((choice) => JSON.stringify(choice)).join(' or '),
  is: (value) => choices.includes(value as string),
});

/** Infinity is refused: a timer would end at once. */
export const milliseconds = (most: number): OptionKind => ({
  text: `a number of milliseconds from 0 to ${most}`,
  is: (value) => typeof value === 'number' && value >= 0 && value <= most,
});

/** @param most Infinity: any number from `least` on that is exact */
export const wholeNumber = (least: number, most = Number.POSITIVE_INFINITY): OptionKind => ({
  text: `a whole number ${most === Number.POSITIVE_INFINITY ? `>= ${least}` : `from ${least} to ${most}`}`,
  is: (value) => Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most,
});
