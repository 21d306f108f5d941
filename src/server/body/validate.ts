// Checks requests against the schemas of their route, which are compiled once at start. A mismatch is 422
// with one JSON Pointer per fault.
import { Kind, type TSchema } from '@sinclair/typebox';
import { type TypeCheck, TypeCompiler, TypeCompilerUnknownTypeError } from '@sinclair/typebox/compiler';
import { SetErrorFunction } from '@sinclair/typebox/errors';
import { Value } from '@sinclair/typebox/value';
import { type FieldError, ValidationError } from '../../errors.js';
import type { ReadonlyFields } from '../handler.js';
import { type Coerce, compileCoercion } from './coerce.js';
import { applyErrorTexts } from './error-texts.js';
import { keepCode, registerFormats } from './formats.js';
import { compileStrip } from './strip.js';

applyErrorTexts(SetErrorFunction);

/** More faults than a person corrects at once; a hostile body must not cause a large response. */
const MAX_ERRORS = 20;

/** Kinds of TypeBox itself that say nothing about values. */
const UNCHECKED: ReadonlySet<string> = new Set(['Unsafe', 'Computed']);

/** The part of a request that an error message names. */
export type RequestPart = 'path' | 'query' | 'header' | 'body';

/** Returns the validated body. It may change the value that it is given. */
export type CheckBody = (value: unknown) => unknown;

/** @throws Error for a schema that cannot be compiled */
export function compileBody(schema: TSchema): CheckBody {
  const check = compileSchema(schema);
  const strip = compileStrip(schema);
  const hasDefaults = JSON.stringify(schema).includes('"default":');
  return (value) => {
    const filled = hasDefaults ? Value.Default(schema, value) : value;
    if (!check.Check(filled)) throw mismatch(check, filled, 'body');
    strip?.(filled);
    return filled;
  };
}

/** A source of raw text. */
export interface RawSource {
  getAll(name: string): readonly string[];
  /**
   * Yields every name that is present. It is called only if the schema has a rule for names it does not list.
   */
  names(): Iterable<string>;
}

export type CheckText = (source: RawSource) => Readonly<Record<string, unknown>>;

/**
 * Compiles the check for texts: parameters, the query, headers or a form. They are coerced, and names that
 * the schema does not list are dropped; `additionalProperties: false` refuses them (but not in headers, where
 * proxies add their own).
 * @throws TypeError when the schema is not a `Type.Object`
 */
export function compileText(schema: TSchema, part: RequestPart): CheckText {
  if (schema.type !== 'object' || schema.properties === undefined) {
    throw new TypeError(`the ${part} schema must be a Type.Object`);
  }
  const check = compileSchema(schema);
  const properties = Object.entries(schema.properties as Record<string, TSchema>).map(
    ([name, property]): [string, Coerce] => [name, compileCoercion(property)],
  );
  const listed = new Set(properties.map(([name]) => name));
  const keepsOthers = schema.additionalProperties !== undefined && part !== 'header';
  return (source) => {
    const value = Object.create(null) as Record<string, unknown>;
    for (const [name, coerce] of properties) {
      const coerced = coerce(rawOf(source.getAll(name)));
      if (coerced !== undefined) value[name] = coerced;
    }
    if (keepsOthers) {
      for (const name of source.names()) if (!listed.has(name)) value[name] = rawOf(source.getAll(name));
    }
    if (!check.Check(value)) throw mismatch(check, value, part);
    return value;
  };
}

const rawOf = (values: readonly string[]): string | readonly string[] | undefined =>
  values.length > 1 ? values : values[0];

export const paramsSource = (params: Readonly<Record<string, string>>): RawSource => ({
  getAll: (name) => (params[name] === undefined ? [] : [params[name]]),
  names: () => Object.keys(params),
});

export const headerSource = (headers: ReadonlyFields): RawSource => ({
  getAll: (name) => headers.getAll(name),
  names: () => [],
});

/** @throws TypeError for a kind of type that is not registered */
function compileSchema(schema: TSchema): TypeCheck<TSchema> {
  registerFormats();
  try {
    const check = TypeCompiler.Compile(schema);
    keepCode(schema, check);
    return check;
  } catch (error) {
    if (!(error instanceof TypeCompilerUnknownTypeError)) throw error;
    const kind = String(error.schema[Kind]);
    const next = UNCHECKED.has(kind)
      ? 'describe its values by other types'
      : 'register it by TypeRegistry.Set, with TypeRegistry of "multilane"';
    throw new TypeError(`types of the kind "${kind}" cannot be checked: ${next}`);
  }
}

function mismatch(check: TypeCheck<TSchema>, value: unknown, part: RequestPart): ValidationError {
  // The first of several errors at one path is the most specific.
  const byPath = new Map<string, FieldError>();
  for (const { path, message } of check.Errors(value)) {
    if (!byPath.has(path)) byPath.set(path, { path, message });
    if (byPath.size === MAX_ERRORS) break;
  }
  return new ValidationError([...byPath.values()], `The ${part} of the request is not valid.`);
}
