// Makes an OpenAPI 3.1 document from the declared routes. The schemas of both are JSON Schema.
import { STATUS_CODES } from 'node:http';
import type { TSchema } from '@sinclair/typebox';
import type { RouteInfo } from '../handler.js';
import { parsePattern, type Segment } from '../routing/pattern.js';
import { PROBLEM_SCHEMA } from './problem-schema.js';

export interface ApiInfo {
  readonly title: string;
  readonly version: string;
}

type Json = Readonly<Record<string, unknown>>;

interface PathItem {
  readonly names: readonly string[];
  readonly operations: Record<string, Json>;
}

/** Fields that OpenAPI describes by other means (OAS 3.1, "Parameter Object"). */
const OWN_FIELDS = new Set(['accept', 'content-type', 'authorization']);

/**
 * Internal routes are omitted, and WebSockets, which OpenAPI cannot describe. Two paths that differ only in
 * an expression (`/:id(\\d+)`, `/:name`) are the same for OpenAPI, so only the first is listed.
 */
export function openapiDocument(routes: readonly RouteInfo[], info: ApiInfo): Json {
  const paths = new Map<string, PathItem>();
  const ids = new Set<string>();
  const services = new Set<string>();
  for (const route of routes) {
    if (route.options.internal === true || route.webSocket || route.mounted === true) continue;
    const { segments } = parsePattern(route.path);
    const shape = segments.map((segment) => (segment.kind === 'static' ? segment.text : '{}')).join('/');
    const known = paths.get(shape);
    const item = known ?? { names: parameterNames(segments), operations: {} };
    if (known === undefined) paths.set(shape, item);
    const method = route.method.toLowerCase();
    if (item.operations[method] !== undefined) continue;
    services.add(route.service);
    item.operations[method] = operation(route, segments, item.names, uniqueId(route, ids));
  }
  return {
    openapi: '3.1.0',
    info,
    tags: [...services].map((name) => ({ name })),
    paths: Object.fromEntries(
      [...paths].map(([shape, { names, operations }]) => [pathOf(shape, names), operations]),
    ),
    components: { schemas: { Problem: PROBLEM_SCHEMA } },
  };
}

function operation(
  { service, method, options }: RouteInfo,
  segments: readonly Segment[],
  names: readonly string[],
  operationId: string,
): Json {
  const { summary, params, query, headers, body, bodyType, response } = options;
  const parameters = [
    ...pathParameters(segments, names, params),
    ...propertiesOf(query).map((property) => parameter('query', property)),
    ...propertiesOf(headers)
      .filter(({ name }) => !OWN_FIELDS.has(name.toLowerCase()))
      .map((property) => parameter('header', property)),
  ];
  return {
    operationId,
    tags: [service],
    ...(summary === undefined ? {} : { summary }),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined ? {} : { requestBody: requestBody(body, bodyType) }),
    responses: {
      ...responses(method, response),
      default: {
        description: 'A failure, as a problem document',
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    },
  };
}

function pathParameters(
  segments: readonly Segment[],
  names: readonly string[],
  schema: TSchema | undefined,
): Json[] {
  const properties = new Map(propertiesOf(schema).map((property) => [property.name, property.schema]));
  const variable = segments.filter((segment) => segment.kind !== 'static');
  return variable.map((segment, i) => {
    const declared = properties.get(segment.kind === 'wildcard' ? '*' : segment.name);
    const pattern = segment.kind === 'regex' ? { pattern: `^(?:${segment.source})$` } : {};
    return {
      name: names[i]!,
      in: 'path',
      required: true,
      ...(segment.kind === 'wildcard' ? { description: 'The rest of the path, slashes included.' } : {}),
      schema: declared === undefined ? { type: 'string', ...pattern } : plain(declared),
    };
  });
}

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

const parameter = (where: 'query' | 'header', { name, schema, isRequired }: Property): Json => ({
  name,
  in: where,
  // A default replaces a missing value, so the parameter is not required.
  required: isRequired && schema.default === undefined,
  schema: plain(schema),
});

const requestBody = (schema: TSchema, type: 'json' | 'form' = 'json'): Json => ({
  required: true,
  content: {
    [type === 'form' ? 'application/x-www-form-urlencoded' : 'application/json']: { schema: plain(schema) },
  },
});

function responses(method: string, declared: Readonly<Record<number, TSchema>> | undefined): Json {
  if (declared === undefined) {
    return { '2XX': { description: method === 'GET' ? 'The result' : 'Success' } };
  }
  return Object.fromEntries(
    Object.entries(declared).map(([status, schema]) => [
      status,
      {
        description: STATUS_CODES[status] ?? 'The result',
        ...(status === '204' ? {} : { content: { 'application/json': { schema: plain(schema) } } }),
      },
    ]),
  );
}

/** The wildcard has no name of its own: it is called `path`, or another name that is free. */
function parameterNames(segments: readonly Segment[]): readonly string[] {
  const taken = segments.flatMap((segment) => ('name' in segment ? [segment.name] : []));
  const rest = ['path', 'rest', 'path_'].find((name) => !taken.includes(name))!;
  return segments.some(({ kind }) => kind === 'wildcard') ? [...taken, rest] : taken;
}

function pathOf(shape: string, names: readonly string[]): string {
  let next = 0;
  return `/${shape.replaceAll('{}', () => `{${names[next++]}}`)}`;
}

/** The id of an operation, unless another one has it already: letters and digits of its method and path. */
export const operationIdOf = (method: string, path: string): string =>
  `${method} ${path}`
    .replace(/\([^)]*\)/g, '')
    .match(/[A-Za-z0-9]+/g)!
    .join('_')
    .toLowerCase();

function uniqueId({ method, path }: RouteInfo, ids: Set<string>): string {
  const base = operationIdOf(method, path);
  let id = base;
  for (let n = 2; ids.has(id); n++) id = `${base}_${n}`;
  ids.add(id);
  return id;
}

/**
 * Copies a schema without TypeBox's symbols, and without `$id`, which has another meaning in the document.
 */
const plain = (schema: TSchema): unknown =>
  JSON.parse(JSON.stringify(schema, (key, value: unknown) => (key === '$id' ? undefined : value)));
