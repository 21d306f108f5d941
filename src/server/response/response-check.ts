// Compiles the check of values against a response schema to JavaScript, as the serializer is compiled, too.
// Such code reads members by their names, which takes a quarter of the time of a loop over a list of names.
import { isDeepStrictEqual } from 'node:util';
import type { Mismatch } from '../../json-form.js';
import { ANY, INTEGER, OBJECT, STRING } from './response-kinds.js';
import { fits, isBare, isFree, type Shape } from './response-shape.js';

/** Returns the first part of a value that the schema does not accept, undefined when all of it fits. */
export type Check = (value: unknown) => Mismatch | undefined;

/** The code of one schema: one function for each of its shapes. */
interface Code {
  readonly functions: string[];
  readonly names: Map<Shape, string>;
}

export function checkOf(shape: Shape): Check {
  const code: Code = { functions: [], names: new Map() };
  const main = functionFor(shape, code);
  const text = `'use strict';\n${code.functions.join('\n')}\nreturn ${main};`;
  // Only names, patterns and constants of the schema get into the text, as JSON: it cannot inject code.
  // oxlint-disable-next-line typescript/no-implied-eval
  const make = new Function('fits', 'equals', 'bad', 'below', 'plain', text);
  return make(fits, isDeepStrictEqual, bad, below, Object.prototype) as Check;
}

const bad = (path: string, value: unknown): Mismatch => ({ path, value });
const below = (path: string, inside: Mismatch): Mismatch => bad(path + inside.path, inside.value);
const literal = (value: unknown): string => JSON.stringify(value);

/**
 * Adds the function that checks values of this shape.
 * @returns its name
 */
function functionFor(shape: Shape, code: Code): string {
  const known = code.names.get(shape);
  if (known !== undefined) return known;
  const name = `check${code.names.size}`;
  code.names.set(shape, name);
  const { parts, choices } = shape;
  const lines: string[] = [];
  // The kinds are checked here only if no choice restricts more than the kind. Otherwise the choices are
  // checked, and the check of each choice contains that of its kinds.
  if (choices.every(isPlainKind)) lines.push(`if (${unfit(shape, 'v')}) return bad('', v);`);
  else lines.push(choicesOf(choices, code));
  for (const part of parts) lines.push(part === shape ? '' : `{ ${statementFor(part, 'v', "''", code)} }`);
  lines.push(...itemsOf(shape, code), ...membersOf(shape, code), 'return undefined;');
  code.functions.push(`function ${name}(v) {\n${lines.filter((line) => line !== '').join('\n')}\n}`);
  return name;
}

const isPlainKind = (shape: Shape): boolean => isBare(shape) && shape.values === undefined;

function choicesOf(choices: readonly Shape[], code: Code): string {
  const simple = choices.filter(isBare).map((choice) => `!(${unfit(choice, 'v')})`);
  const others = choices.filter((choice) => !isBare(choice)).map((choice) => functionFor(choice, code));
  const [only] = others;
  if (others.length === 1) {
    const isElse = simple.length === 0 ? '' : `if (!(${simple.join(' || ')})) `;
    return `${isElse}{ const r = ${only}(v); if (r !== undefined) return r; }`;
  }
  const tests = [...simple, ...others.map((check) => `${check}(v) === undefined`)];
  return `if (!(${tests.join(' || ')})) return bad('', v);`;
}

function itemsOf({ items, tuple }: Shape, code: Code): string[] {
  if (tuple !== undefined) {
    const each = tuple.map((item, i) => `{ ${statementFor(item, `v[${i}]`, `'/${i}'`, code)} }`);
    return [
      `if (Array.isArray(v)) { if (v.length !== ${tuple.length}) return bad('', v);`,
      ...each,
      'return undefined; }',
    ];
  }
  const each = items === undefined ? '' : statementFor(items, 'v[i]', "'/' + i", code);
  return each === ''
    ? []
    : [`if (Array.isArray(v)) { for (let i = 0; i < v.length; i++) { ${each} } return undefined; }`];
}

function membersOf({ names, members, patterns, others }: Shape, code: Code): string[] {
  const lines: string[] = [];
  for (const [index, member] of members.entries()) {
    const key = literal(names[index]);
    const check = statementFor(member, 'm', `'/' + ${key}`, code);
    // The serializer checks which members may be missing.
    if (check !== '') lines.push(`m = v[${key}]; if (m !== undefined) { ${check} }`);
  }
  lines.push(...unlistedOf(names, patterns, others, code));
  if (lines.length === 0) return [];
  return [
    "if (typeof v !== 'object' || v === null || Array.isArray(v)) return undefined;",
    // The serializer writes the result of toJSON in place of the value.
    "if (typeof v.toJSON === 'function') v = v.toJSON('');",
    'let m;',
    ...lines,
  ];
}

function unlistedOf(
  names: readonly string[],
  patterns: Shape['patterns'],
  others: Shape['others'],
  code: Code,
): string[] {
  const lines = patterns.map(([pattern, member]) => {
    const check = statementFor(member, 'm', "'/' + name", code);
    if (pattern === '^(.*)$') return `known = true; { ${check} }`;
    const regex = `pattern${code.functions.length}`;
    code.functions.push(`const ${regex} = new RegExp(${literal(pattern)}, 'u');`);
    return `if (${regex}.test(name)) { known = true; ${check} }`;
  });
  const rest = others === undefined ? '' : statementFor(others, 'm', "'/' + name", code);
  if (rest !== '') lines.push(`if (!known) { ${rest} }`);
  if (lines.length === 0) return [];
  return [
    'for (const name of Object.keys(v)) {',
    `m = v[name]; if (m === undefined) continue; let known = ${literal(names)}.includes(name);`,
    ...lines,
    '}',
  ];
}

/** @returns an empty text for a shape that accepts everything */
function statementFor(shape: Shape, value: string, path: string, code: Code): string {
  if (isFree(shape)) return '';
  if (isBare(shape)) return `if (${unfit(shape, value)}) return bad(${path}, ${value});`;
  const inside = `${functionFor(shape, code)}(${value})`;
  return `const r = ${inside}; if (r !== undefined) return below(${path}, r);`;
}

/**
 * @returns an expression that is true for a value that does not fit; for values of the usual types it is
 *   decided without a call of `fits`
 */
function unfit({ kinds, values, names }: Shape, value: string): string {
  if (values !== undefined) return `!(${values.map((one) => equal(one, value)).join(' || ') || 'false'})`;
  if (kinds === ANY) return 'false';
  const general = `!fits(${kinds}, ${value}${names.length === 0 ? '' : `, ${literal(names)}`})`;
  if ((kinds & STRING) !== 0) return `typeof ${value} !== 'string' && ${general}`;
  if ((kinds & INTEGER) !== 0) return `!Number.isInteger(${value}) && ${general}`;
  if ((kinds & OBJECT) === 0) return general;
  const isPlain = `typeof ${value} === 'object' && ${value} !== null && Object.getPrototypeOf(${value}) === plain`;
  return `!(${isPlain} && typeof ${value}.toJSON !== 'function') && ${general}`;
}

const equal = (one: unknown, value: string): string =>
  typeof one === 'object' && one !== null
    ? `equals(${literal(one)}, ${value})`
    : `${value} === ${literal(one)}`;
