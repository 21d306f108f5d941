// Answers by their declared schema: compiled once, at start, and as a side effect nothing that the schema
// does not list can leak. Everything else is JSON.stringify.

import { createRequire } from 'node:module';
import type { TSchema } from '@sinclair/typebox';
import { errorMessage } from '../../error-text.js';
import { lossIn, type Mismatch } from '../../json-form.js';
import { classOf } from '../value-kind.js';
import { checkOf } from './response-check.js';
import { readSchema } from './response-schema.js';
import { hasAnything } from './response-shape.js';

const require = createRequire(import.meta.url);

/** Its message shows no value. */
export class MismatchError extends TypeError {
  constructor({ path, value }: Mismatch) {
    const where = path === '' ? '' : ` at ${path}`;
    super(
      `cannot send ${classOf(value)}${where}: the response schema does not take it, so change one of them`,
    );
  }
}

/** @throws MismatchError for what the schema does not take, TypeError for what it cannot write */
export type Serialize = (value: unknown) => string;

/**
 * By status; undefined when nothing is declared.
 * @throws Error for a schema that cannot be compiled, naming the status
 */
export function compileResponses(
  response: Readonly<Record<number, TSchema>> | undefined,
): ReadonlyMap<number, Serialize> | undefined {
  if (response === undefined) return undefined;
  // 40 ms of every thread's start: only where a route declares a response.
  const compile = require('fast-json-stringify') as typeof import('fast-json-stringify').default;
  return new Map(
    Object.entries(response).map(([status, schema]): [number, Serialize] => {
      try {
        return [Number(status), checked(plain(schema), compile)];
      } catch (cause) {
        throw new Error(`response schema ${status}: ${errorMessage(cause)}`, { cause });
      }
    }),
  );
}

function checked(schema: Plain, compile: Compile): Serialize {
  // Compiled first: it refuses what is no schema.
  const loose = compile(structuredClone(schema));
  const { shape, isEchoed, isStrict } = readSchema(schema);
  const check = checkOf(shape);
  const serialize = isStrict ? compile(...validating(schema)) : loose;
  const mayHideFunctions = hasAnything(shape);
  const isCompared = isEchoed || isStrict;
  return (value) => {
    const mismatch = check(value);
    if (mismatch !== undefined) throw new MismatchError(mismatch);
    const text = serialize(value);
    if (isCompared) {
      const loss = lossIn(value, JSON.parse(text), false);
      if (loss !== undefined) throw new MismatchError(loss);
    } else if (mayHideFunctions && text.includes('undefined')) {
      // Of a function or a symbol where the schema takes anything, the serializer writes what is no JSON.
      JSON.parse(text);
    }
    return text;
  };
}

/** The same schema as an only alternative: the serializer validates a value before it takes one. */
function validating(schema: Plain): [object, { schema: Record<string, object> }] {
  const name = typeof schema.$id === 'string' ? schema.$id : 'response';
  return [{ anyOf: [{ $ref: `${name}#` }] }, { schema: { [name]: structuredClone(schema) } }];
}

type Compile = (schema: object, options?: object) => (value: unknown) => string;
type Plain = Readonly<Record<string, unknown>>;

/** Without TypeBox's symbols: JSON Schema and nothing else, and a copy that the compiler may change. */
const plain = (schema: TSchema): Plain => JSON.parse(JSON.stringify(schema)) as Plain;
