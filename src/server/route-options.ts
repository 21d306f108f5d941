// The options of a route, a group or a WebSocket, checked when they are declared.
import { Kind, type TSchema } from '@sinclair/typebox';
import { suggestedName } from '../name-suggestion.js';
import {
  ANYTHING,
  checkOptions,
  checkValue,
  describeValue,
  FUNCTION,
  type OptionKind,
  oneOf,
  POSITIVE,
  SWITCH,
  shapeOf,
  typeErrorFor,
  wholeNumber,
} from '../options.js';
import { PRIORITIES } from '../resilience/admission.js';
import { COMMON_DOC_KINDS, checkRouteDocs, GROUP_DOC_KINDS, ROUTE_DOC_KINDS } from './docs/route-docs.js';
import { isFetchApplication } from './fetch/fetch-application.js';
import type { FetchOptions, NodeOptions, RouteOptions, WebSocketOptions } from './handler.js';
import { hooksOf } from './hook-chain.js';
import { isNodeApplication, unmountableNode } from './node-application.js';
import { isNodeStyle, unmountable } from './node-style.js';
import { parsePattern } from './routing/pattern.js';
import type { WebSocketLimits } from './websocket/websocket.js';

const HOOK: OptionKind = {
  text: 'a function (ctx) or a list of functions',
  is: (value) => hooksOf<unknown>(value).every((hook) => typeof hook === 'function' && !isNodeStyle(hook)),
};
/** A schema that was made by TypeBox: requests are checked by its compiler, which knows no others. */
const SCHEMA: OptionKind = {
  text: 'a schema of TypeBox, such as Type.Object({ … })',
  is: (value) => typeof value === 'object' && value !== null && Kind in value,
};
const RESPONSES: OptionKind = {
  text: 'an object of schemas by status, such as { 200: Type.Object({ … }) }',
  is: (value) => typeof value === 'object' && value !== null && !Array.isArray(value) && !(Kind in value),
};
/** The serializer takes any JSON Schema. */
const RESPONSE: OptionKind = {
  text: 'a schema such as Type.Object({ … })',
  is: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
};
const STATUS = /^[1-5]\d\d$/;
const COMMON = {
  bodyLimit: { ...wholeNumber(0), text: 'a whole number of bytes' },
  chunked: oneOf('accept', 'reject'),
  compress: SWITCH,
  timeoutMs: POSITIVE,
  internal: SWITCH,
  rateLimit: ANYTHING,
  priority: oneOf(...PRIORITIES),
  maxConcurrent: ANYTHING,
  onRequest: HOOK,
  preHandler: HOOK,
  onResponse: HOOK,
  onError: HOOK,
};
const ROUTE = shapeOf<RouteOptions>('{ timeoutMs: 500 }', {
  params: SCHEMA,
  query: SCHEMA,
  headers: SCHEMA,
  body: SCHEMA,
  bodyType: oneOf('json', 'form'),
  response: RESPONSES,
  idempotencyKey: oneOf('optional', 'required'),
  ...ROUTE_DOC_KINDS,
  ...COMMON,
});
/** Schemas describe a single route, so a mounted application has none. */
const MOUNT = shapeOf<FetchOptions>('{ bodyLimit: 1_000_000 }', {
  ...COMMON_DOC_KINDS,
  ...COMMON,
  stripPrefix: SWITCH,
});
const { compress: _compress, ...COMMON_OF_NODE } = COMMON;
const NODE_MOUNT = shapeOf<NodeOptions>('{ bodyLimit: 1_000_000 }', {
  ...COMMON_DOC_KINDS,
  ...COMMON_OF_NODE,
  stripPrefix: SWITCH,
});
const WEBSOCKET = shapeOf<WebSocketOptions & WebSocketLimits>('{ message(socket, data) { … } }', {
  upgrade: FUNCTION,
  open: FUNCTION,
  message: FUNCTION,
  drain: FUNCTION,
  close: FUNCTION,
  maxPayload: ANYTHING,
  idleTimeoutMs: ANYTHING,
  maxBackpressure: ANYTHING,
  onBackpressureLimit: ANYTHING,
  perMessageDeflate: ANYTHING,
  origins: ANYTHING,
  protocols: ANYTHING,
  internal: SWITCH,
  timeoutMs: POSITIVE,
  ...COMMON_DOC_KINDS,
});
/** These options describe a single route, so a group cannot have them. */
const NOT_OF_GROUPS: ReadonlySet<string> = new Set([
  'maxConcurrent',
  'rateLimit',
  'params',
  'query',
  'headers',
  'body',
  'bodyType',
  'response',
  'idempotencyKey',
  ...Object.keys(ROUTE_DOC_KINDS).filter((name) => !(name in GROUP_DOC_KINDS)),
]);
/** A body has no meaning in these methods (RFC 9110 section 9.3.1). A GET route serves HEAD as well. */
const BODILESS = new Set(['GET', 'OPTIONS']);

/**
 * @param method of the route, or `group` for the options of a group
 * @throws TypeError that names method, path and option
 */
export function checkRouteOptions(method: string, path: string, options: RouteOptions): void {
  const error = typeErrorFor(`${method} ${path}`);
  if (typeof options === 'object' && options !== null && 'schema' in options)
    throw error(
      'unknown option "schema": params, query, headers, body and response are options of the route',
    );
  checkOptions(options, ROUTE, error);
  const misplaced = method === 'group' && Object.keys(options).find((name) => NOT_OF_GROUPS.has(name));
  if (misplaced) throw error(`"${misplaced}" belongs to a route, not to a group`);
  if (options.body !== undefined && BODILESS.has(method))
    throw error(`a ${method} route cannot declare a body`);
  checkRouteDocs(options, error);
  for (const [status, schema] of Object.entries(options.response ?? {})) {
    if (!STATUS.test(status))
      throw error(`response must be ${RESPONSES.text}; ${describeValue(status)} is not a status`);
    checkValue(`response ${status}`, schema, RESPONSE, error);
  }
}

/**
 * Compares a `params` schema with the path. Parameters that the schema does not name remain texts.
 * @param prefix the prefixes of the groups around the route
 * @throws TypeError for a name that the path does not have, since no request would match the schema
 */
export function checkPathParams(
  method: string,
  { prefix, path }: { readonly prefix: string; readonly path: string },
  schema: TSchema | undefined,
): void {
  const properties: unknown = schema?.properties;
  if (typeof properties !== 'object' || properties === null) return;
  const error = typeErrorFor(`${method} ${prefix}${path}`);
  const schemaNames = Object.keys(properties);
  const pathNames = parsePattern(prefix + path).names;
  const unknown = schemaNames.find((name) => !pathNames.includes(name));
  if (unknown === undefined) return;
  const unnamed = pathNames.find((name) => name !== '*' && !schemaNames.includes(name));
  const near = pathNames.length === 0 ? undefined : (suggestedName(unknown, pathNames) ?? unnamed);
  const next = near === undefined ? `add /:${unknown} to the path, or remove it` : `did you mean "${near}"?`;
  throw error(`params: "${unknown}" is not in the path; ${next}`);
}

/**
 * @throws TypeError that names the prefix, and the option or what is wrong with prefix or application
 */
export function checkMount(prefix: string, options: FetchOptions, application: unknown): void {
  const error = typeErrorFor(`mount ${prefix}`);
  if (isFetchApplication(options))
    throw error('its options are behind the application: write app.mount(path, options, application)');
  checkOptions(options, MOUNT, error);
  checkRouteDocs(options, error);
  const reason = unmountable(application);
  if (reason !== undefined) throw error(reason);
  if (!isFetchApplication(application))
    throw error(
      `it needs an application with a method fetch, or a function (request) => Response; got ${describeValue(application)}`,
    );
}

/** @throws TypeError as `checkMount`, for an application of `node:http` */
export function checkNodeMount(prefix: string, options: NodeOptions, application: unknown): void {
  const error = typeErrorFor(`mountNode ${prefix}`);
  if (isNodeApplication(options))
    throw error('its options are behind the application: write app.mountNode(path, options, application)');
  if (typeof options === 'object' && options !== null && 'compress' in options)
    throw error('unknown option "compress": the application compresses its responses by itself; remove it');
  checkOptions(options, NODE_MOUNT, error);
  checkRouteDocs(options, error);
  const reason = unmountableNode(application);
  if (reason !== undefined) throw error(reason);
}

/**
 * The path of a mounted application; an empty one for all paths.
 * @param method `mount` or `mountNode`
 * @param group the prefix of its group
 * @throws TypeError that names the prefix to write
 */
export function mountedPath(method: string, prefix: unknown, group: string): string {
  if (typeof prefix !== 'string')
    throw new TypeError(`${method} has no prefix: write app.${method}('/', application) for all paths`);
  const error = typeErrorFor(`${method} ${prefix.startsWith('/') ? group : ''}${prefix}`);
  if (!prefix.startsWith('/')) throw error(`the prefix must start with "/": write '${staticPartOf(prefix)}'`);
  const path = prefix === '/' ? group : group + prefix;
  if (path === '') return path;
  const isStatic = parsePattern(path).segments.every(({ kind }) => kind === 'static');
  if (isStatic && !path.endsWith('/')) return path;
  const next =
    staticPartOf(group) === (group || '/')
      ? `write '${staticPartOf(prefix)}'${isStatic ? '' : ', which serves all paths below it'}`
      : `its group ${group} has a parameter, so declare it outside of that group`;
  throw error(`the prefix must be static text that starts with "/" and does not end with it: ${next}`);
}

/** The static text of a prefix in front of its first parameter, without a "/" at its end. */
function staticPartOf(prefix: string): string {
  const segments = prefix.split('/').filter((text) => text !== '');
  const end = segments.findIndex((text) => /^[:*]/.test(text));
  return `/${segments.slice(0, end === -1 ? segments.length : end).join('/')}`;
}

/** @throws TypeError that names path and option */
export function checkWebSocketOptions(path: string, options: WebSocketOptions<never>): void {
  const error = typeErrorFor(`WebSocket ${path}`);
  checkOptions(options, WEBSOCKET, error);
  checkRouteDocs(options, error);
}
