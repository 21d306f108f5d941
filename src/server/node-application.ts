// What counts as an application of `node:http`, which `app.mountNode` mounts, and how it is made ready.
import { describeValue } from '../options.js';
import { isFetchApplication } from './fetch/fetch-application.js';
import type { NodeApplication, NodeHandler } from './handler.js';
import { hasMethod, isRouter } from './node-style.js';

/** An application of Fastify, as far as it is used here. */
interface FastifyInstance {
  readonly routing: NodeHandler;
  ready(): PromiseLike<unknown>;
  /** @param name of what a plugin has added */
  hasDecorator?(name: string): boolean;
}

/** Frameworks whose application is no handler, but has one. */
const HANDLERS: readonly (readonly [method: string, write: string])[] = [
  ['getHttpAdapter', 'one of NestJS: pass app.getHttpAdapter().getInstance(), after `await app.init()`'],
  ['getRequestHandler', 'one of Next.js: pass app.getRequestHandler(), after `await app.prepare()`'],
  ['callback', 'one of Koa: pass app.callback()'],
  ['listen', 'a server: pass the function (req, res) that createServer got'],
];

export const isNodeApplication = (value: unknown): value is NodeApplication =>
  typeof value === 'function' || isFastify(value);

/**
 * Why a value cannot be mounted as an application of `node:http`, with the next step.
 * @returns undefined for one that may be mounted
 */
export function unmountableNode(value: unknown): string | undefined {
  if (typeof value === 'function') {
    const takesOne = value.length === 1 && !isRouter(value);
    return takesOne ? `its function takes one parameter, not (req, res): ${NEITHER}` : undefined;
  }
  if (isFastify(value)) return undefined;
  if (typeof value !== 'object' || value === null) return `it needs ${EXPECTED}; got ${describeValue(value)}`;
  const known = HANDLERS.find(([method]) => hasMethod(value, method));
  if (known !== undefined) return `it is ${known[1]}`;
  if (isFetchApplication(value))
    return 'it is an application of the fetch standard: write app.mount(prefix, application)';
  return `it needs ${EXPECTED}; got ${describeValue(value)}`;
}

export const nodeHandlerOf = (application: NodeApplication): NodeHandler =>
  typeof application === 'function'
    ? application
    : (request, response) => application.routing(request, response);

/**
 * Resolves when an application may get requests: Fastify loads its plugins first.
 * @throws what its plugins throw; TypeError for WebSockets of its own, which would get no connection
 */
export async function prepareNode(application: NodeApplication): Promise<void> {
  if (typeof application === 'function') return;
  await application.ready();
  if ((application as FastifyInstance).hasDecorator?.('websocketServer') === true)
    throw new TypeError(
      'its WebSockets (@fastify/websocket) get no connection here: declare them by app.ws(path, …) beside it',
    );
}

const EXPECTED = 'an application of Express or Fastify, or a function (req, res)';
const NEITHER =
  'a handler of Multilane is declared by app.get(path, handler), one of the fetch standard by app.mount(prefix, handler)';

const isFastify = (value: unknown): value is FastifyInstance =>
  typeof value === 'object' && value !== null && hasMethod(value, 'routing') && hasMethod(value, 'ready');
