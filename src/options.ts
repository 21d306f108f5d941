// Checks the options that a caller passes. A misspelt option would be ignored silently (a bulkhead without
// its queue, a call without its timeout), so it is refused, and the message suggests the right name.
import { types } from 'node:util';
import { ConfigError } from './errors.js';
import { suggestedName } from './name-suggestion.js';

/** The values that an option may have. */
export interface OptionKind {
  /** Completes the sentence "… must be". */
  readonly text: string;
  readonly is: (value: unknown) => boolean;
}

/** The options of one object. Options that are not in `required` may be undefined. */
export interface OptionsShape {
  /** An example in code, for the message about a value that is not an object. */
  readonly example: string;
  readonly kinds: ReadonlyMap<string, OptionKind>;
  readonly required: readonly string[];
}

/** Makes an error from a reason and puts the owner of the options in front of it. */
export type ErrorFactory = (reason: string) => Error;

/** @typeParam O the type of the options; every option needs a kind */
export function shapeOf<O extends object>(
  example: string,
  kinds: { readonly [K in keyof Required<O>]: OptionKind },
  required: readonly (keyof O & string)[] = [],
): OptionsShape {
  return { example, kinds: new Map(Object.entries<OptionKind>(kinds)), required };
}

/**
 * Checks options. It runs for every call of a service, so it allocates nothing unless it throws.
 * @throws the error that `fault` makes for a value that is not an object, an unknown option, a missing
 *   required option, or a value of another kind
 */
export function checkOptions(given: unknown, shape: OptionsShape, fault: ErrorFactory): void {
  requireObject('options', given, shape.example, fault);
  const options = given as Readonly<Record<string, unknown>>;
  const { kinds, required } = shape;
  for (const name in options) {
    const value = options[name];
    const kind = kinds.get(name);
    if (kind === undefined) throw fault(unknownName('option', name, [...kinds.keys()]));
    if (value !== undefined) checkValue(name, value, kind, fault);
  }
  for (let at = 0; at < required.length; at++) {
    const name = required[at]!;
    if (options[name] === undefined) checkValue(name, undefined, kinds.get(name)!, fault);
  }
}

/** @throws the error that `fault` makes for a value of another kind */
export function checkValue(name: string, value: unknown, kind: OptionKind, fault: ErrorFactory): void {
  if (!kind.is(value)) throw fault(`${name} must be ${kind.text}, not ${describeValue(value)}`);
}

/** A message with a suggestion. @param what the kind of thing that has the name: `option`, `member` */
export function unknownName(what: string, name: string, known: readonly string[]): string {
  const near = suggestedName(name, known);
  const hint = near === undefined ? ';' : `, did you mean "${near}"?`;
  return `unknown ${what} "${name}"${hint} known are ${known.join(', ')}`;
}

/** Refuses members of an object that are not in `known`. @throws the error that `fault` makes */
export function refuseUnknownMembers(of: object, known: readonly string[], fault: ErrorFactory): void {
  for (const name of Object.keys(of))
    if (!known.includes(name)) throw fault(unknownName('member', name, known));
}

/** @param example an example in code @throws the error that `fault` makes */
export function requireObject(name: string, given: unknown, example: string, fault: ErrorFactory): void {
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw fault(`${name} must be an object such as ${example}, not ${describeValue(given)}`);
}

/** @param example an example in code @throws the error that `fault` makes */
export function requireFunction(name: string, given: unknown, example: string, fault: ErrorFactory): void {
  if (typeof given === 'function') return;
  if (types.isPromise(given)) given.catch(() => {}); // the error below is thrown instead
  throw fault(`${name} must be a function, such as ${example}, not ${describeValue(given)}`);
}

/** Returns an ErrorFactory that makes TypeErrors. @param what the owner of the options */
export const typeErrorFor =
  (what: string): ErrorFactory =>
  (reason) =>
    new TypeError(`${what}: ${reason}`);

/** An ErrorFactory for what is wrong with a definition as a whole. */
export const configError: ErrorFactory = (reason) => new ConfigError(reason);

const SHOWN_LENGTH = 60;

/** Describes a value for a message: a string as JSON, an object by its class. */
export function describeValue(value: unknown): string {
  if (typeof value === 'string') {
    return JSON.stringify(value.length > SHOWN_LENGTH ? `${value.slice(0, SHOWN_LENGTH)}…` : value);
  }
  if (typeof value === 'function') return 'a function';
  if (typeof value !== 'object' || value === null)
    return typeof value === 'bigint' ? `${value}n` : String(value);
  if (Array.isArray(value)) return value.length === 0 ? 'an empty array' : 'an array';
  return classOf(value) ?? 'an object';
}

/** Undefined for a plain object, and for one whose class cannot be read. */
function classOf(value: object): string | undefined {
  try {
    const name: unknown = value.constructor?.name;
    return typeof name === 'string' && name !== '' && name !== 'Object' ? `a ${name}` : undefined;
  } catch {
    return undefined; // a getter of the caller has thrown
  }
}

export const TEXT: OptionKind = { text: 'a string', is: (value) => typeof value === 'string' };
export const SWITCH: OptionKind = { text: 'true or false', is: (value) => typeof value === 'boolean' };
export const FUNCTION: OptionKind = { text: 'a function', is: (value) => typeof value === 'function' };
export const FILLED_TEXT: OptionKind = {
  text: 'a non-empty string',
  is: (value) => typeof value === 'string' && value !== '',
};
export const POSITIVE: OptionKind = {
  text: 'a positive number',
  is: (value) => Number.isFinite(value) && (value as number) > 0,
};
export const SIGNAL: OptionKind = { text: 'an AbortSignal', is: (value) => value instanceof AbortSignal };
/** For a value that is checked elsewhere, or may be any. */
export const ANYTHING: OptionKind = { text: 'anything', is: () => true };

export const oneOf = (...choices: readonly string[]): OptionKind => ({
  text: choices.map((choice) => JSON.stringify(choice)).join(' or '),
  is: (value) => choices.includes(value as string),
});

/** A duration. Infinity is refused, because a timer of that length would fire at once. */
export const milliseconds = (most: number): OptionKind => ({
  text: `a number of milliseconds from 0 to ${most}`,
  is: (value) => typeof value === 'number' && value >= 0 && value <= most,
});

/** @param most Infinity: any safe integer from `least` on */
export const wholeNumber = (least: number, most = Number.POSITIVE_INFINITY): OptionKind => ({
  text: `a whole number ${most === Number.POSITIVE_INFINITY ? `>= ${least}` : `from ${least} to ${most}`}`,
  is: (value) => Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most,
});
