// The shapes: what is requested from every server, and how the load is made of it. The routes respond from
// memory, so they measure the server and not the work of a handler. bench/README.md has the table of routes.
import { MESSAGE, SEARCH, USER_ID } from './bodies.js';
import { ORDER_JSON } from './order.js';

/** What a server may serve. A peer lists these names in its `peer.json`. */
export const ROUTES = [
  'health',
  'plaintext',
  'json',
  'param',
  'query',
  'echo',
  'file',
  'sse',
  'ws',
  'call',
  'hop',
  'gateway',
  'gateway-echo',
] as const;

export type Route = (typeof ROUTES)[number];

/** The requests of one route. */
export interface Shape {
  readonly name: string;
  /** The route that a server must serve to be measured in this shape. */
  readonly route: Route;
  readonly path: string;
  /** One line for the reports. */
  readonly text: string;
  /**
   * What makes the load: an HTTP load generator, or a client of this folder for streams of events or
   * WebSockets.
   */
  readonly load: 'http' | 'events' | 'websocket';
  /** Present: the request is a POST with this JSON body. */
  readonly body?: string;
  /** Requests that a connection sends at once; default 1. */
  readonly pipeline?: number;
  /** Every request has a connection of its own. */
  readonly isShort?: boolean;
  /** Connections of the generator, when the shape needs another number than the others. */
  readonly connections?: number;
}

const get = (name: Route, path: string, text: string): Shape => ({
  name,
  route: name,
  path,
  text,
  load: 'http',
});

const PLAINTEXT = get('plaintext', '/plaintext', `"${MESSAGE}" as text`);

export const SHAPES: readonly Shape[] = [
  PLAINTEXT,
  get('json', '/json', 'an object of one member as JSON, serialized for each request'),
  get('param', `/users/${USER_ID}`, 'a parameter of the path in an object as JSON'),
  get(
    'query',
    `/search?q=${SEARCH.q}&page=${SEARCH.page}`,
    'two parameters of the query, one parsed to an integer',
  ),
  { ...get('echo', '/echo', 'JSON of 1 KiB parsed, validated and serialized'), body: ORDER_JSON },
  get('file', '/file.html', 'a file of 4 KiB'),
  get('health', '/health', 'the health of the server as JSON'),
  { ...PLAINTEXT, name: 'pipelined', text: 'plaintext, 16 requests at once on a connection', pipeline: 16 },
  { ...PLAINTEXT, name: 'short', text: 'plaintext, every request on a new connection', isShort: true },
  {
    ...get('sse', '/events', 'an event every 100 ms for each of 1,000 clients; counted are events'),
    load: 'events',
    connections: 1000,
  },
  { ...get('ws', '/ws', 'messages of 32 bytes, each echoed; counted are echoes'), load: 'websocket' },
  get('call', '/call', 'JSON of another service in the same process'),
  get('hop', '/hop', 'JSON of another process, fetched over HTTP for each request'),
  get('gateway', '/svc/upstream/json', 'JSON of another process, passed on by the gateway'),
  {
    ...get(
      'gateway-echo',
      '/svc/upstream/echo',
      'JSON of 1 KiB to another process and back, passed on by the gateway',
    ),
    body: ORDER_JSON,
  },
];

/** The routes behind which another process is called. */
const CALLING: ReadonlySet<Route> = new Set(['hop', 'gateway', 'gateway-echo']);

export const callsUpstream = ({ route }: Shape): boolean => CALLING.has(route);

/** @throws Error that lists the names when there is no such shape */
export function shapeNamed(name: string): Shape {
  const found = SHAPES.find((shape) => shape.name === name);
  if (found === undefined) {
    throw new Error(`no shape "${name}": there are ${SHAPES.map((shape) => shape.name).join(', ')}`);
  }
  return found;
}
