// Finds what of a value its response schema does not take, by code of its own for each schema, as the serializer is: members
// are read by their names then, which takes a quarter of the time of a loop over a list of names.
import { ANY, ANYTHING, fits, INTEGER, OBJECT, type Shape, STRING } from './response-shape.js';

export interface Mismatch {
  /** Members from the root on: `/users/1/tags`. */
  readonly path: string;
  readonly value: unknown;
}

/** The first part of a value that the schema does not take, undefined when all of it fits. */
export type Check = (value: unknown) => Mismatch | undefined;

export function checkOf(shape: Shape): Check {
  const functions: string[] = [];
  const main = functionFor(shape, functions);
  const code = `'use strict';\n${functions.join('\n')}\nreturn ${main};`;
  // Of the schema only the names of members are in it, as JSON strings.
  // oxlint-disable-next-line typescript/no-implied-eval
  return new Function('fits', 'bad', 'below', 'plain', code)(fits, bad, below, Object.prototype) as Check;
}

const bad = (path: string, value: unknown): Mismatch => ({ path, value });
const below = (path: string, inside: Mismatch): Mismatch => bad(path + inside.path, inside.value);

/** Adds the function that checks values of this shape. @returns its name */
function functionFor(shape: Shape, functions: string[]): string {
  const name = `check${functions.length}`;
  const at = functions.push('') - 1;
  const { kinds, names, members, items, others } = shape;
  const lines = [`if (${unfit(kinds, 'v')}) return bad('', v);`];
  const part = (one: Shape, value: string, path: string): string => statementFor(one, value, path, functions);
  if (items !== undefined) {
    const each = part(items, 'v[i]', "'/' + i");
    lines.push(`if (Array.isArray(v)) { for (let i = 0; i < v.length; i++) { ${each} } return undefined; }`);
  }
  if (members.length > 0 || others !== undefined) {
    lines.push("if (typeof v !== 'object' || v === null || Array.isArray(v)) return undefined;");
    // What it gives is written in its place.
    lines.push("if (typeof v.toJSON === 'function') v = v.toJSON('');", 'let m;');
  }
  for (const [index, member] of members.entries()) {
    const key = JSON.stringify(names[index]);
    // The serializer knows which members may be missing.
    if (member !== ANYTHING)
      lines.push(`m = v[${key}]; if (m !== undefined) { ${part(member, 'm', `'/' + ${key}`)} }`);
  }
  if (others !== undefined) {
    const each = part(others, 'v[name]', "'/' + name");
    lines.push(
      `for (const name of Object.keys(v)) if (!${JSON.stringify(names)}.includes(name)) { ${each} }`,
    );
  }
  functions[at] = `function ${name}(v) {\n${lines.join('\n')}\nreturn undefined;\n}`;
  return name;
}

function statementFor(shape: Shape, value: string, path: string, functions: string[]): string {
  const { kinds, members, items, others } = shape;
  if (members.length > 0 || items !== undefined || others !== undefined) {
    const inside = `${functionFor(shape, functions)}(${value})`;
    return `const r = ${inside}; if (r !== undefined) return below(${path}, r);`;
  }
  if (kinds === ANY) return '';
  return `if (${unfit(kinds, value)}) return bad(${path}, ${value});`;
}

/** Code that is true for what does not fit; the usual values are told without a call. */
function unfit(kinds: number, value: string): string {
  const general = `!fits(${kinds}, ${value})`;
  if ((kinds & STRING) !== 0) return `typeof ${value} !== 'string' && ${general}`;
  if ((kinds & INTEGER) !== 0) return `!Number.isInteger(${value}) && ${general}`;
  if ((kinds & OBJECT) === 0) return general;
  const isPlain = `typeof ${value} === 'object' && ${value} !== null && Object.getPrototypeOf(${value}) === plain`;
  return `!(${isPlain} && typeof ${value}.toJSON !== 'function') && ${general}`;
}
