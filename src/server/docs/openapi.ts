// Makes an OpenAPI 3.1 document from the declared routes. The schemas of both are JSON Schema.
import type { RouteInfo } from '../handler.js';
import { parsePattern, type Segment } from '../routing/pattern.js';
import type { ApiInfo } from './described-api.js';
import { DocumentSchemas, documentText } from './document-schemas.js';
import { Operations } from './operation.js';
import { ProblemResponses } from './problem-responses.js';
import { PROBLEM_SCHEMA } from './problem-schema.js';
import { HEADERS } from './response-headers.js';

type Json = Readonly<Record<string, unknown>>;

interface PathItem {
  readonly names: readonly string[];
  readonly operations: Record<string, Json>;
}

/** Where the document was loaded from, whatever proxies are in front (OAS 3.1.1, "Relative References"). */
const HERE = [{ url: '.' }];

/**
 * Internal and hidden routes are omitted. Two paths that differ only in an expression (`/:id(\\d+)`,
 * `/:name`) are the same for OpenAPI, so only the first is listed. A mounted application is one operation,
 * because its own routes are not known. There may be thousands, so the work yields after each of them.
 */
function* openapiDocument(routes: readonly RouteInfo[], info: ApiInfo): Generator<void, Json> {
  const listed = routes.filter(isListed);
  const schemas = new DocumentSchemas({ Problem: PROBLEM_SCHEMA });
  const problems = new ProblemResponses();
  const operations = new Operations({ schemas, problems, info, ids: idsOf(listed) });
  const paths = new Map<string, PathItem>();
  for (const route of listed) {
    const { segments } = parsePattern(route.path);
    const shape = segments.map((segment) => (segment.kind === 'static' ? segment.text : '{}')).join('/');
    const item = paths.get(shape) ?? { names: parameterNames(segments), operations: {} };
    paths.set(shape, item);
    const method = route.method.toLowerCase();
    item.operations[method] ??= operations.of(route, segments, item.names);
    yield;
  }
  const { title, version, summary, description, termsOfService, contact, license } = info;
  const { servers = HERE, externalDocs, security, securitySchemes } = info;
  return {
    openapi: '3.1.0',
    info: present({ title, version, summary, description, termsOfService, contact, license }),
    servers,
    ...present({ security, externalDocs }),
    tags: tagsOf(info, operations.tags),
    paths: Object.fromEntries(
      [...paths].map(([shape, { names, operations: of }]) => [pathOf(shape, names), of]),
    ),
    components: {
      schemas: schemas.components,
      responses: problems.components,
      headers: HEADERS,
      ...present({ securitySchemes }),
    },
  };
}

/** The document as JSON, by work that yields after each route and each piece of the text. */
export function* openapiText(routes: readonly RouteInfo[], info: ApiInfo): Generator<void, string> {
  return yield* documentText(yield* openapiDocument(routes, info));
}

/** The members that have a value. */
const present = (members: Json): Json =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));

/** A mounted application has a route for each method, of which the first is listed. */
const isListed = ({ options, mounted, method }: RouteInfo): boolean =>
  options.internal !== true && options.hide !== true && (mounted !== true || method === 'GET');

/** The tags with a description first, then the others. */
function tagsOf({ tags = [] }: ApiInfo, used: ReadonlySet<string>): readonly Json[] {
  const described = new Set(tags.map(({ name }) => name));
  return [...tags, ...[...used].filter((name) => !described.has(name)).map((name) => ({ name }))];
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

/** Returns a function that names each route once. Names that routes declare are not given to others. */
function idsOf(routes: readonly RouteInfo[]): (route: RouteInfo) => string {
  const taken = new Set(routes.map(({ options }) => options.operationId));
  return ({ method, path, options: { operationId } }) => {
    if (operationId !== undefined) return operationId;
    const base = operationIdOf(method, path);
    let id = base;
    for (let n = 2; taken.has(id); n++) id = `${base}_${n}`;
    taken.add(id);
    return id;
  };
}
