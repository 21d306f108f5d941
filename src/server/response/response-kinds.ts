// The kinds of JSON values, as bits, and the kinds that a response schema accepts.

export const NULL = 1;
export const BOOLEAN = 2;
export const INTEGER = 4;
export const NUMBER = 8;
export const STRING = 16;
export const ARRAY = 32;
export const OBJECT = 64;
export const ANY = 127;

const KINDS: Readonly<Record<string, number>> = {
  null: NULL,
  boolean: BOOLEAN,
  integer: INTEGER,
  number: NUMBER | INTEGER,
  string: STRING,
  array: ARRAY,
  object: OBJECT,
};

/** Keywords from which the serializer infers the type of a schema without `type`, as it tries them. */
const INFERRED: readonly (readonly [kinds: number, keywords: readonly string[]])[] = [
  [
    OBJECT,
    [
      'properties',
      'required',
      'additionalProperties',
      'patternProperties',
      'maxProperties',
      'minProperties',
      'dependencies',
    ],
  ],
  [ARRAY, ['items', 'additionalItems', 'maxItems', 'minItems', 'uniqueItems', 'contains']],
  [STRING, ['maxLength', 'minLength', 'pattern']],
  [NUMBER | INTEGER, ['multipleOf', 'maximum', 'exclusiveMaximum', 'minimum', 'exclusiveMinimum']],
];

/** Returns the kinds by `type` and `nullable`, or by the keywords that imply a type. */
export function kindsOf(schema: Readonly<Record<string, unknown>>): number {
  const { type, nullable } = schema;
  const names = Array.isArray(type) ? (type as unknown[]) : [type];
  const kinds =
    type === undefined
      ? (INFERRED.find(([, keywords]) => keywords.some((keyword) => keyword in schema))?.[0] ?? ANY)
      : names.reduce<number>((bits, name) => bits | (KINDS[String(name)] ?? ANY), 0);
  return nullable === true ? kinds | NULL : kinds;
}

export function kindOfConstant(value: unknown): number {
  if (value === null) return NULL;
  if (Array.isArray(value)) return ARRAY;
  return KINDS[typeof value] ?? OBJECT;
}
