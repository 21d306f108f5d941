// What counts as an application of `node:http`, which `app.mountNode` mounts, and how it is made ready.
import { describeValue } from '../options.js';
import { isFetchApplication } from './fetch/fetch-application.js';
import type { NodeApplication, NodeHandler } from './handler.js';
import { hasMethod, isNodeStyle, isRouter, parametersOf, textOf } from './node-style.js';
import { adopted, isPromise } from './promise.js';

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
  ['handler', 'one of Polka: pass app.handler'],
  ['listen', 'a server: pass the application or the function (req, res) that responds, and remove `listen`'],
];
const EXPECTED = 'an application of Express or Fastify, or a function (req, res)';
const FACTORY =
  'its function takes no parameters, so it cannot respond: call it, and pass the application that it returns, ' +
  'such as express(); await it before, at the top level of multilane.config.mjs, when it is async';
const ONE_PARAMETER =
  'its function takes one parameter, not (req, res): call one that makes an application, such as Fastify(); a ' +
  'handler of Multilane is declared by app.get(path, handler), one of the fetch standard by app.mount(prefix, handler)';
const NEEDS_NEXT =
  'a router or a middleware (req, res, next) needs an application around it: mount express().use(it); if it ' +
  'responds to every request by itself, mount (req, res) => it(req, res)';
const PROMISE =
  'it is a promise, and routes(app) awaits nothing: await it at the top level of an ES module, such as ' +
  'multilane.config.mjs (const application = await imported), also when a CommonJS module exports it';

const USES_ARGUMENTS = /\barguments\b/;

export const isNodeApplication = (value: unknown): value is NodeApplication =>
  typeof value === 'function' || isFastify(value);

/**
 * Why a value cannot be mounted as an application of `node:http`, with the next step.
 * @returns undefined for one that may be mounted
 */
export function unmountableNode(value: unknown): string | undefined {
  if (typeof value === 'function') return unmountableFunction(value as NodeHandler);
  if (isFastify(value)) return undefined;
  if (typeof value !== 'object' || value === null) return `it needs ${EXPECTED}; got ${describeValue(value)}`;
  if (isPromise(value)) {
    adopted(value).catch(() => {}); // the error that is thrown instead is the one to show
    return PROMISE;
  }
  const known = HANDLERS.find(([method]) => hasMethod(value, method));
  if (known !== undefined) return `it is ${known[1]}`;
  if (isFetchApplication(value))
    return 'it is an application of the fetch standard: write app.mount(prefix, application)';
  const members = Object.entries(value).filter(([, member]) => isNodeApplication(member));
  const near = members.map(([name]) => name).join(' or ');
  return `it needs ${EXPECTED}; got ${describeValue(value)}${near === '' ? '' : `: did you mean its ${near}?`}`;
}

/** A function whose text does not show its parameters may be a handler: one that is bound, for example. */
function unmountableFunction(value: NodeHandler): string | undefined {
  if (isRouter(value)) return hasMethod(value, 'listen') ? undefined : NEEDS_NEXT;
  const parameters = parametersOf(value);
  if (parameters?.[2] === 'next' || parameters?.[2] === '_next') return NEEDS_NEXT;
  const takesMore = parameters?.at(-1)?.startsWith('...') === true || USES_ARGUMENTS.test(textOf(value));
  const count = parameters?.length ?? value.length;
  if (count > 1 || takesMore) return undefined;
  if (count === 1) return ONE_PARAMETER;
  return parameters === undefined ? undefined : FACTORY;
}

/**
 * Whether what a mounted function has returned shows that it makes applications, and responds to nothing. Its
 * parameters do not always show that: `createApp(config, database)`.
 */
export const isApplication = (value: unknown): boolean =>
  typeof value === 'function'
    ? isNodeStyle(value)
    : typeof value === 'object' &&
      value !== null &&
      (isFastify(value) || hasMethod(value, 'listen') || isFetchApplication(value));

/**
 * Whether what a mounted function has returned looks like the response of a handler of another kind.
 * Functions that respond later return other values, such as a timer, a stream or the result of `res.write`.
 */
export const isContent = (value: unknown): boolean =>
  typeof value === 'string' ||
  (typeof value === 'object' &&
    value !== null &&
    (Array.isArray(value) ||
      value instanceof Uint8Array ||
      value instanceof Response ||
      Object.getPrototypeOf(value) === Object.prototype));

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

/** An application with something to close, such as the pools that its plugins hold. */
export interface Closable {
  close(): unknown;
}

export const isClosable = (application: NodeApplication): application is NodeApplication & Closable =>
  hasMethod(application, 'close');

const isFastify = (value: unknown): value is FastifyInstance =>
  typeof value === 'object' && value !== null && hasMethod(value, 'routing') && hasMethod(value, 'ready');
