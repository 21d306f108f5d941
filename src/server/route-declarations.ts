// Collects what `routes(app, deps)` of a service declares: routes, WebSockets, groups and hooks. Misuse
// throws at once, while the process starts, and names what was declared wrongly.
import { unknownName } from '../options.js';
import { ABSENT_MEMBERS } from './absent-members.js';
import { fetchHandler } from './fetch/fetch-handler.js';
import type {
  Application,
  FetchApplication,
  FetchOptions,
  GroupOptions,
  Handler,
  Hooks,
  NodeApplication,
  NodeOptions,
  RouteOptions,
  WebSocketOptions,
} from './handler.js';
import { chained, HOOK_NAMES, type HookChain, isHookName, noHooks, withoutHooks } from './hook-chain.js';
import { nodeHandlerOf } from './node-application.js';
import { nodeHandler } from './node-handler.js';
import { isNodeStyle, notCalledWith } from './node-style.js';
import { adopted, isPromise } from './promise.js';
import {
  checkMount,
  checkNodeMount,
  checkPathParams,
  checkRouteOptions,
  checkWebSocketOptions,
  mountedPath,
} from './route-options.js';
import { checkMessage, checkTopic } from './websocket/websocket-checks.js';

export interface DeclaredRoute {
  /** `*` for a mounted application, which serves all methods of its prefix and below it. */
  readonly method: string;
  /** The path with the prefixes of its groups. */
  readonly path: string;
  readonly options: Omit<RouteOptions, keyof Hooks>;
  /** The handler of a route, or the callbacks of its WebSockets. */
  readonly target: Handler | WebSocketOptions<never>;
  readonly hooks: HookChain;
  /** The stack of this error shows where the route was declared. */
  readonly declaration: Error;
  /** An application of `node:http`, whose handler is `target`. */
  readonly node?: NodeApplication;
}

type Register = Application['get'];
type Publish = Application['publish'];
type Fill = (app: Application) => unknown;

/** The declarations of one service. */
interface Collection {
  readonly routes: DeclaredRoute[];
  readonly publish: Publish;
  /** False once `routes(app)` has returned. */
  isOpen: boolean;
  /** The stack of this error shows the first declaration, even if that was refused. */
  first?: Error;
}

/** The application itself, or a group in it: what its routes have in common. */
interface Group {
  readonly prefix: string;
  readonly options: GroupOptions;
  readonly hooks: HookChain;
}

/** Stands for the methods of a mounted application. */
export const MOUNTED = '*';

const ALL = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

/**
 * Runs `fill` and returns what it declared. Hooks apply to all routes of their application or group, whether
 * these are declared before or after the hook; in a group `/` is the prefix itself.
 * @throws TypeError for bad options, hooks, handlers or prefixes, for a `fill` that is async, and for
 *   declarations after it has returned
 */
export function collectRoutes(fill: Fill, publish: Publish): DeclaredRoute[] {
  const collection: Collection = { routes: [], publish, isOpen: true };
  const root: Group = { prefix: '', options: {}, hooks: noHooks(undefined) };
  const returned = fill(applicationOf(collection, root));
  assertSynchronous('routes(app)', returned, collection.first);
  collection.isOpen = false;
  return collection.routes;
}

function applicationOf(collection: Collection, group: Group): Application {
  const register = (method: string) => registerOf(collection, group, method, () => application);
  const declarations: Application = {
    get: register('GET'),
    post: register('POST'),
    put: register('PUT'),
    patch: register('PATCH'),
    delete: register('DELETE'),
    options: register('OPTIONS'),
    all: ((...args: Parameters<Register>): Application => {
      for (const method of ALL) register(method)(...args);
      return application;
    }) as Application['all'],
    mount(prefix: string, second: FetchOptions | FetchApplication, third?: FetchApplication) {
      const [options, mounted] = third === undefined ? [{}, second as FetchApplication] : [second, third];
      declareMount(collection, group, prefix, options as FetchOptions, mounted);
      return application;
    },
    mountNode(prefix: string, second: NodeOptions | NodeApplication, third?: NodeApplication) {
      const [options, mounted] = third === undefined ? [{}, second as NodeApplication] : [second, third];
      declareNodeMount(collection, group, prefix, options as NodeOptions, mounted);
      return application;
    },
    ws(path, options) {
      declareWebSocket(collection, group, path, options as unknown as WebSocketOptions<never>);
      return application;
    },
    publish(topic, data, isBinary = typeof data !== 'string') {
      checkTopic(topic);
      checkMessage(data, isBinary);
      collection.publish(topic, data, isBinary);
    },
    group: (prefix: string, second: GroupOptions | Fill, third?: Fill) => {
      const [options, fill] = typeof second === 'function' ? [{}, second] : [second, third];
      declareGroup(collection, group, prefix, options, fill);
      return application;
    },
    hook(name, hook) {
      declareHook(collection, group, name, hook);
      return application;
    },
  };
  const application = Object.setPrototypeOf(declarations, ABSENT_MEMBERS) as Application;
  return application;
}

function registerOf(
  collection: Collection,
  group: Group,
  method: string,
  application: () => Application,
): Register {
  return ((path: string, second: RouteOptions | Handler, third?: Handler): Application => {
    assertOpen(collection);
    if (typeof second === 'function' && typeof third === 'function') {
      throw new TypeError(
        `route ${method} ${path} has several functions: what runs before its handler is the option ` +
          'onRequest or preHandler, such as { onRequest: [check] }',
      );
    }
    if (typeof second === 'function' && third !== undefined) {
      throw new TypeError(`route ${method} ${path} has its options behind its handler: write them before it`);
    }
    const [options, handler] = typeof second === 'function' ? [{}, second] : [second, third];
    if (typeof handler !== 'function') throw new TypeError(`route ${method} ${path} has no handler`);
    if (isNodeStyle(handler))
      throw new TypeError(`route ${method} ${path}: ${notCalledWith('(ctx) => value')}`);
    checkRouteOptions(method, path, options);
    checkPathParams(method, { prefix: group.prefix, path }, options.params);
    collection.routes.push(declared(group, method, path, options, handler));
    return application();
  }) as Register;
}

function declareWebSocket(
  collection: Collection,
  group: Group,
  path: string,
  options: WebSocketOptions<never>,
): void {
  assertOpen(collection);
  checkWebSocketOptions(path, options);
  const { internal, timeoutMs, summary, description, tags, deprecated, externalDocs, hide, security } =
    options;
  const described = { summary, description, tags, deprecated, externalDocs, hide, security };
  const given = Object.entries({ internal, timeoutMs, ...described }).filter(
    ([, value]) => value !== undefined,
  );
  collection.routes.push(declared(group, 'GET', path, Object.fromEntries(given), options));
}

function declareMount(
  collection: Collection,
  group: Group,
  prefix: string,
  options: FetchOptions,
  application: FetchApplication,
): void {
  assertOpen(collection);
  const path = mountedPath('mount', prefix, group.prefix);
  checkMount(path === '' ? prefix : path, options, application);
  const { stripPrefix = true, ...rest } = options;
  const handler = fetchHandler(application, stripPrefix ? path.length : 0);
  collection.routes.push({ ...declared(group, MOUNTED, prefix, rest, handler), path });
}

function declareNodeMount(
  collection: Collection,
  group: Group,
  prefix: string,
  options: NodeOptions,
  application: NodeApplication,
): void {
  assertOpen(collection);
  const path = mountedPath('mountNode', prefix, group.prefix);
  checkNodeMount(path === '' ? prefix : path, options, application);
  const { stripPrefix = true, ...rest } = options;
  const handler = nodeHandler(nodeHandlerOf(application), stripPrefix ? path : '');
  const route = declared(group, MOUNTED, prefix, rest, handler);
  collection.routes.push({ ...route, path, node: application });
}

function declareGroup(
  collection: Collection,
  outer: Group,
  prefix: string,
  options: GroupOptions,
  fill: Fill | undefined,
): void {
  assertOpen(collection);
  if (typeof fill !== 'function') throw new TypeError(`group ${prefix} has no function`);
  if (!/^\/.*[^/]$/.test(prefix)) {
    throw new TypeError(`group prefix ${JSON.stringify(prefix)} must start with "/" and not end with it`);
  }
  checkRouteOptions('group', prefix, options);
  const inner: Group = {
    prefix: outer.prefix + prefix,
    options: { ...outer.options, ...withoutHooks(options) },
    hooks: noHooks(chained(outer.hooks, options)),
  };
  assertSynchronous(`group ${prefix}`, fill(applicationOf(collection, inner)));
}

function declareHook<K extends keyof Hooks>(
  collection: Collection,
  { hooks }: Group,
  name: K,
  hook: NonNullable<Hooks[K]>,
): void {
  assertOpen(collection);
  if (!isHookName(name)) throw new TypeError(unknownName('hook', String(name), HOOK_NAMES));
  if (typeof hook !== 'function') throw new TypeError(`hook ${name} is not a function`);
  if (isNodeStyle(hook))
    throw new TypeError(`hook ${name}: ${notCalledWith('(ctx) => { … }, and needs no next()')}`);
  (hooks[name] as NonNullable<Hooks[K]>[]).push(hook);
}

function declared(
  { prefix, options: common, hooks }: Group,
  method: string,
  path: string,
  options: RouteOptions,
  target: DeclaredRoute['target'],
): DeclaredRoute {
  if (prefix !== '' && typeof path === 'string' && !path.startsWith('/'))
    throw new TypeError(
      `${method} ${path} in group ${prefix}: the path must start with "/": write '/${path}'`,
    );
  return {
    method,
    path: prefix !== '' && path === '/' ? prefix : prefix + path,
    options: { ...common, ...withoutHooks(options) },
    target,
    hooks: chained(hooks, options),
    declaration: new Error('declared here'),
  };
}

function assertOpen(collection: Collection): void {
  if (!collection.isOpen) throw new TypeError('routes and hooks can be declared only while routes(app) runs');
  collection.first ??= new Error('declared here');
}

/**
 * Refuses an async function: what it declares after an `await` comes too late, and its errors would be lost.
 * @param place the stack of this error shows where that function is. Default: the caller's does
 */
function assertSynchronous(what: string, returned: unknown, place?: Error): void {
  if (!isPromise(returned)) return;
  adopted(returned).catch(() => {}); // the error below is the one to show
  throw new TypeError(
    `${what} is async, or returns a promise: remove the word async, or return nothing. Await what it needs ` +
      'before, at the top level of an ES module such as multilane.config.mjs',
    { cause: place },
  );
}
