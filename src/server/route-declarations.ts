// What `routes(app, deps)` of a service is given: it collects routes and hooks. Misuse throws here, at start,
// and names the culprit.
import {
  ANYTHING,
  checkOptions,
  FUNCTION,
  type OptionKind,
  oneOf,
  SWITCH,
  shapeOf,
  TEXT,
  typeErrorFor,
  wholeNumber,
} from '../options.js';
import { PRIORITIES } from '../resilience/admission.js';
import type { Application, GroupOptions, Handler, Hooks, RouteOptions, WebSocketOptions } from './handler.js';
import { chained, type HookChain, hooksOf, isHookName, noHooks, withoutHooks } from './hook-chain.js';
import { adopted, isPromise } from './promise.js';
import { checkMessage, checkTopic, type WebSocketLimits } from './websocket/websocket.js';

export interface DeclaredRoute {
  readonly method: string;
  /** With the prefixes of its groups. */
  readonly path: string;
  readonly options: Omit<RouteOptions, keyof Hooks>;
  /** What a route answers with, or what its WebSockets do. */
  readonly target: Handler | WebSocketOptions<never>;
  readonly hooks: HookChain;
  /** Its stack is where the route was declared. */
  readonly declaration: Error;
}

type Register = Application['get'];
type Publish = Application['publish'];

/** Where it is missing, the route may take as long as a request may. */
const TIMEOUT: OptionKind = {
  text: 'a positive number',
  is: (value) => Number.isFinite(value) && (value as number) > 0,
};
const HOOK: OptionKind = {
  text: 'a function or a list of functions',
  is: (value) => hooksOf<unknown>(value).every((hook) => typeof hook === 'function'),
};
const ROUTE = shapeOf<RouteOptions>('{ timeoutMs: 500 }', {
  params: ANYTHING,
  query: ANYTHING,
  headers: ANYTHING,
  body: ANYTHING,
  bodyType: oneOf('json', 'form'),
  response: ANYTHING,
  bodyLimit: { ...wholeNumber(0), text: 'a whole number of bytes' },
  chunked: oneOf('accept', 'reject'),
  compress: SWITCH,
  timeoutMs: TIMEOUT,
  internal: SWITCH,
  rateLimit: ANYTHING,
  priority: oneOf(...PRIORITIES),
  maxConcurrent: ANYTHING,
  summary: TEXT,
  onRequest: HOOK,
  preHandler: HOOK,
  onResponse: HOOK,
  onError: HOOK,
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
  timeoutMs: TIMEOUT,
  summary: TEXT,
});
/** What says something about one route only. */
const NOT_OF_GROUPS: ReadonlySet<string> = new Set([
  'maxConcurrent',
  'rateLimit',
  'params',
  'query',
  'headers',
  'body',
  'response',
  'summary',
]);
const ALL = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
/** A body has no meaning in these (RFC 9110 section 9.3.1); HEAD goes with GET. */
const BODILESS = new Set(['GET', 'OPTIONS']);

/**
 * Runs `fill` and returns what it declared. Hooks apply to all routes of their application or group, whether
 * they are declared before or after; in a group `/` is the prefix itself.
 * @throws TypeError for bad options, hooks, handlers or prefixes, for a `fill` that is async, and for
 *   declarations after it returned
 */
export function collectRoutes(fill: (app: Application) => void, publish: Publish): DeclaredRoute[] {
  const routes: DeclaredRoute[] = [];
  let isOpen = true;
  const assertOpen = (): void => {
    if (!isOpen) throw new TypeError('routes and hooks can be declared only while routes(app) runs');
  };

  const applicationOf = (prefix: string, inherited: GroupOptions, hooks: HookChain): Application => {
    const register = (method: string): Register =>
      ((path: string, second: RouteOptions | Handler, third?: Handler): void => {
        assertOpen();
        if (typeof second === 'function' && third !== undefined) {
          throw new TypeError(
            `route ${method} ${path} has its options behind its handler: write them before it`,
          );
        }
        const [options, handler] = typeof second === 'function' ? [{}, second] : [second, third];
        if (typeof handler !== 'function') throw new TypeError(`route ${method} ${path} has no handler`);
        checkRoute(method, path, options);
        add(method, path, options, handler);
      }) as Register;
    const registerAll: Register = ((...args: Parameters<Register>): void => {
      for (const method of ALL) register(method)(...args);
    }) as Register;
    const add = (
      method: string,
      path: string,
      options: RouteOptions,
      target: DeclaredRoute['target'],
    ): void => {
      routes.push({
        method,
        path: prefix !== '' && path === '/' ? prefix : prefix + path,
        options: { ...inherited, ...withoutHooks(options) },
        target,
        hooks: chained(hooks, options),
        declaration: new Error('declared here'),
      });
    };

    return {
      get: register('GET'),
      post: register('POST'),
      put: register('PUT'),
      patch: register('PATCH'),
      delete: register('DELETE'),
      options: register('OPTIONS'),
      all: registerAll,
      ws<D>(path: string, options: WebSocketOptions<D>) {
        assertOpen();
        checkOptions(options, WEBSOCKET, typeErrorFor(`WebSocket ${path}`));
        const { internal, timeoutMs, summary } = options;
        const route = Object.entries({ internal, timeoutMs, summary }).filter(
          ([, given]) => given !== undefined,
        );
        add('GET', path, Object.fromEntries(route), options as WebSocketOptions<never>);
      },
      publish(topic, data, isBinary = typeof data !== 'string') {
        checkTopic(topic);
        checkMessage(data, isBinary);
        publish(topic, data, isBinary);
      },
      group(
        inner: string,
        second: GroupOptions | ((app: Application) => void),
        third?: (app: Application) => void,
      ) {
        assertOpen();
        const [options, body] = typeof second === 'function' ? [{}, second] : [second, third];
        if (typeof body !== 'function') throw new TypeError(`group ${inner} has no function`);
        if (!/^\/.*[^/]$/.test(inner)) {
          throw new TypeError(
            `group prefix ${JSON.stringify(inner)} must start with "/" and not end with it`,
          );
        }
        checkRoute('group', inner, options);
        const group = applicationOf(
          prefix + inner,
          { ...inherited, ...withoutHooks(options) },
          noHooks(chained(hooks, options)),
        );
        assertSynchronous(`group ${inner}`, body(group));
      },
      hook<K extends keyof Hooks>(name: K, hook: NonNullable<Hooks[K]>) {
        assertOpen();
        if (!isHookName(name)) throw new TypeError(`unknown hook ${String(name)}`);
        if (typeof hook !== 'function') throw new TypeError(`hook ${name} is not a function`);
        (hooks[name] as NonNullable<Hooks[K]>[]).push(hook);
      },
    };
  };

  assertSynchronous('routes(app)', fill(applicationOf('', {}, noHooks(undefined))));
  isOpen = false;
  return routes;
}

/** What is declared after an await comes too late, and what is thrown there reaches nobody. */
function assertSynchronous(what: string, returned: unknown): void {
  if (!isPromise(returned)) return;
  adopted(returned).catch(() => {}); // this refusal says it first
  throw new TypeError(`${what} is async: declare routes and hooks before anything is awaited`);
}

function checkRoute(method: string, path: string, options: RouteOptions): void {
  const bad = typeErrorFor(`${method} ${path}`);
  checkOptions(options, ROUTE, bad);
  const misplaced = method === 'group' && Object.keys(options).find((name) => NOT_OF_GROUPS.has(name));
  if (misplaced) throw bad(`"${misplaced}" belongs to a route, not to a group`);
  if (options.body !== undefined && BODILESS.has(method))
    throw bad(`a ${method} route cannot declare a body`);
}
