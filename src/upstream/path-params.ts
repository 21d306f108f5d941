// The paths of routes in calls: `/orders/:id` with `{ id: 7 }` is `/orders/7`. Values are encoded, so that
// none can lead to another route.
import { describeValue } from '../options.js';
import type { CallOptions, ServiceClient } from './call.js';

type Values = NonNullable<CallOptions['params']>;

/** A parameter of a route's path, with or without its expression. */
const PARAM = /^:([A-Za-z_][A-Za-z0-9_]*)(?:\(.+\))?$/;
const isPathValue = (value: unknown): value is string | number | bigint =>
  ['string', 'number', 'bigint'].includes(typeof value);

/**
 * @returns the path with the values of its parameters
 * @throws TypeError that names a parameter without a value, a value that is not in the path, and one that
 *   cannot stand there
 */
export function filledPath(path: string, values: Values): string {
  if (typeof path !== 'string') return path; // its own check reports it
  const end = path.indexOf('?');
  const route = end === -1 ? path : path.slice(0, end);
  const names = new Set<string>();
  const filled = route.split('/').map((segment) => {
    const name = segment === '*' ? segment : PARAM.exec(segment)?.[1];
    if (name === undefined) return segment;
    names.add(name);
    const value = textOf(route, values, name);
    return name === '*' ? value.split('/').map(segmentOf).join('/') : segmentOf(value);
  });
  const unknown = Object.keys(values).find((name) => !names.has(name));
  if (unknown !== undefined)
    throw new TypeError(`call: params: ${JSON.stringify(unknown)} is not in the path ${route}`);
  return filled.join('/') + (end === -1 ? '' : path.slice(end));
}

function textOf(route: string, values: Values, name: string): string {
  const value: unknown = Object.hasOwn(values, name) ? values[name] : undefined;
  if (value === undefined) throw new TypeError(`call: params: ${name} is missing, for the path ${route}`);
  const text = isPathValue(value) ? String(value) : undefined;
  const mayStand = name === '*' ? !text?.split('/').some(isDots) : text !== '' && !isDots(text);
  if (text === undefined || !mayStand)
    throw new TypeError(
      `call: params: ${name} must be a text or a number that can stand in the path ${route}, ` +
        `not ${describeValue(value)}`,
    );
  return text;
}

/** Servers resolve these segments before they look for a route, also when they are encoded. */
const isDots = (text: string | undefined): boolean => text === '.' || text === '..';

const segmentOf = (text: string): string => encodeURIComponent(text.toWellFormed());

type Options = { readonly params?: Values } | undefined;
type Send = (path: string, options?: Options) => unknown;

/** The client of a service whose calls name routes: a parameter in a path always needs its value. */
export function clientOfRoutes(client: ServiceClient): ServiceClient {
  const filling = <F>(send: F): F =>
    ((path: string, options?: Options) => (send as Send)(path, withParams(options))) as F;
  return {
    ...client,
    request: ((method: string, path: string, options?: Options) =>
      client.request(method, path, withParams(options))) as ServiceClient['request'],
    get: filling(client.get),
    post: filling(client.post),
    put: filling(client.put),
    patch: filling(client.patch),
    delete: filling(client.delete),
  };
}

/** Options that are no object stay as they are, for the check of options to report them. */
const withParams = (options: Options): Options =>
  options === undefined || (typeof options === 'object' && options !== null && options.params === undefined)
    ? { ...options, params: {} }
    : options;
