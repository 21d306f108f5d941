// Serializes responses by their declared schemas, which are compiled once at start. Members that a schema
// does not list are never sent. Responses without a schema use JSON.stringify.

import { createRequire } from 'node:module';
import type { TSchema } from '@sinclair/typebox';
import { errorMessage } from '../../error-text.js';
import { lossIn, type Mismatch } from '../../json-form.js';
import { classOf } from '../value-kind.js';
import { missingMember } from './missing-member.js';
import { checkOf } from './response-check.js';
import { readSchema } from './response-schema.js';
import { hasAnything } from './response-shape.js';

const require = createRequire(import.meta.url);

/** The error of a value that its response schema does not accept. Its message contains no value. */
export class MismatchError extends TypeError {
  /** @param status the status whose schema it is */
  constructor(status: number, { path, value }: Mismatch, options?: ErrorOptions) {
    const where = path === '' ? '' : ` at ${path}`;
    super(
      `cannot send ${classOf(value)}${where}: the response schema of ${status} ${
        value === undefined
          ? 'requires a value, so return one, or make it Type.Optional'
          : 'does not accept it, so change one of them'
      }`,
      options,
    );
  }
}

/**
 * Writes a value as JSON.
 * @throws MismatchError for a value that the schema does not accept
 * @throws TypeError for a value that cannot be written
 */
export type Serialize = (value: unknown) => string;

/**
 * @returns the serializers by status, undefined when no schema is declared
 * @throws Error that names the status of a schema which cannot be compiled
 */
export function compileResponses(
  response: Readonly<Record<number, TSchema>> | undefined,
): ReadonlyMap<number, Serialize> | undefined {
  if (response === undefined) return undefined;
  // Loading this takes 40 ms of every thread's start, so it is loaded only when a route declares a response.
  const compile = require('fast-json-stringify') as typeof import('fast-json-stringify').default;
  return new Map(
    Object.entries(response).map(([status, schema]): [number, Serialize] => {
      try {
        return [Number(status), checked(Number(status), plain(schema), compile)];
      } catch (cause) {
        throw new Error(`response schema ${status}: ${errorMessage(cause)}`, { cause });
      }
    }),
  );
}

function checked(status: number, schema: Plain, compile: Compile): Serialize {
  // This is compiled first, because it refuses objects that are not schemas.
  const loose = compile(structuredClone(schema));
  const { shape, isEchoed, isStrict } = readSchema(schema);
  const check = checkOf(shape);
  const serialize = isStrict ? compile(...validating(schema)) : loose;
  const mayHideFunctions = hasAnything(shape);
  const isCompared = isEchoed || isStrict;
  return (value) => {
    const mismatch = check(value);
    if (mismatch !== undefined) throw new MismatchError(status, mismatch);
    let text: string;
    try {
      text = serialize(value);
    } catch (error) {
      throw refusal(status, schema, value, error);
    }
    if (isCompared) {
      const loss = lossIn(value, JSON.parse(text), false);
      if (loss !== undefined) throw new MismatchError(status, loss);
    } else if (mayHideFunctions && text.includes('undefined')) {
      // Where the schema accepts anything, the serializer writes invalid JSON for a function or a symbol.
      JSON.parse(text);
    }
    return text;
  };
}

/** The error of a value that the serializer has refused. */
function refusal(status: number, schema: Plain, value: unknown, cause: unknown): unknown {
  const reason = errorMessage(cause);
  if (!REFUSED.test(reason)) return cause;
  const path = reason.endsWith(' is required!') ? missingMember(schema, value) : undefined;
  if (path !== undefined) return new MismatchError(status, { path, value: undefined });
  return new MismatchError(status, { path: '', value }, { cause });
}

/** What fast-json-stringify says of values that do not fit; other errors are of the value's own code. */
const REFUSED = / is required!$|does not match schema definition/;

/**
 * Makes the schema the only alternative of another one: the serializer validates a value before it chooses.
 */
function validating(schema: Plain): [object, { schema: Record<string, object> }] {
  const name = typeof schema.$id === 'string' ? schema.$id : 'response';
  return [{ anyOf: [{ $ref: `${name}#` }] }, { schema: { [name]: structuredClone(schema) } }];
}

type Compile = (schema: object, options?: object) => (value: unknown) => string;
type Plain = Readonly<Record<string, unknown>>;

/** Copies a schema without TypeBox's symbols. The compiler may change the copy. */
const plain = (schema: TSchema): Plain => JSON.parse(JSON.stringify(schema)) as Plain;
