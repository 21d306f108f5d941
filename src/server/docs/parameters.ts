// The parameters of operations: path, query and header fields, from the schemas of a route.
import type { TSchema } from '@sinclair/typebox';
import type { Segment } from '../routing/pattern.js';
import type { DocumentSchemas } from './document-schemas.js';
import { isPlainObject } from './json-types.js';

type Json = Readonly<Record<string, unknown>>;

/** Fields that OpenAPI describes by other means (OAS 3.1, "Parameter Object"). */
const OWN_FIELDS = new Set(['accept', 'content-type', 'authorization']);

const KEY = '0b6ff3a2-5c1d-4a37-9c55-0f3d6a1e2b44';

/** The header field of the option `idempotencyKey`. The page varies the example: see start.js. */
export const IDEMPOTENCY_KEY = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description:
    'Makes the request safe to repeat: with the same key and the same body it is done once, and repeated requests ' +
    'get the same response. Choose a new one, such as a UUID, for each new operation.',
  example: KEY,
  schema: {
    type: 'string',
    minLength: 1,
    maxLength: 255,
    pattern: '^[\\u0021-\\u007e]+$',
    examples: [KEY],
    'x-vary-example': true,
  },
} as const;

export function pathParameters(
  schemas: DocumentSchemas,
  segments: readonly Segment[],
  names: readonly string[],
  schema: TSchema | undefined,
): Json[] {
  const properties = new Map(propertiesOf(schema).map((property) => [property.name, property.schema]));
  const variable = segments.filter((segment) => segment.kind !== 'static');
  return variable.map((segment, i) => {
    const declared = properties.get(segment.kind === 'wildcard' ? '*' : segment.name);
    const pattern = segment.kind === 'regex' ? { pattern: `^(?:${segment.source})$` } : {};
    const described =
      declared === undefined ? { schema: { type: 'string', ...pattern } } : describedBy(schemas, declared);
    return {
      name: names[i]!,
      in: 'path',
      required: true,
      ...(segment.kind === 'wildcard' ? { description: 'The rest of the path, slashes included.' } : {}),
      ...described,
    };
  });
}

export const queryParameters = (schemas: DocumentSchemas, schema: TSchema | undefined): Json[] =>
  propertiesOf(schema).map((property) => parameter(schemas, 'query', property));

export const headerParameters = (schemas: DocumentSchemas, schema: TSchema | undefined): Json[] =>
  propertiesOf(schema)
    .filter(({ name }) => !OWN_FIELDS.has(name.toLowerCase()))
    .map((property) => parameter(schemas, 'header', property));

interface Property {
  readonly name: string;
  readonly schema: TSchema;
  readonly isRequired: boolean;
}

function propertiesOf(schema: TSchema | undefined): readonly Property[] {
  const required = new Set((schema?.required as readonly string[] | undefined) ?? []);
  return Object.entries((schema?.properties as Record<string, TSchema> | undefined) ?? {}).map(
    ([name, property]) => ({ name, schema: property, isRequired: required.has(name) }),
  );
}

const parameter = (
  schemas: DocumentSchemas,
  where: 'query' | 'header',
  { name, schema, isRequired }: Property,
): Json => ({
  name,
  in: where,
  // A default replaces a missing value, so the parameter is not required.
  required: isRequired && schema.default === undefined,
  ...describedBy(schemas, schema),
});

/** Forms show only the examples that parameters have themselves, not those of their schemas. */
function exampleOf({ examples }: { readonly examples?: unknown }): Json {
  return Array.isArray(examples) && examples.length > 0 ? { example: examples[0] as unknown } : {};
}

/** The schema, and what it says of the parameter as a whole. */
function describedBy(schemas: DocumentSchemas, declared: TSchema): Json {
  const { description, deprecated } = declared;
  const schema = schemas.of(declared, 'request');
  const inner = isPlainObject(schema) ? schema : {};
  const { description: _, deprecated: _deprecated, ...rest } = inner;
  return {
    ...(description === undefined ? {} : { description }),
    ...(deprecated === true ? { deprecated } : {}),
    ...exampleOf(declared),
    schema: rest,
  };
}
