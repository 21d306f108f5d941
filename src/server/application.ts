// What `routes(app, deps)` of a service is given: it collects routes and hooks. Misuse throws here, at start,
// and names the culprit.
import { PRIORITIES } from '../resilience/admission.js';
import type { Application, GroupOptions, Handler, Hooks, RouteOptions, WebSocketOptions } from './handler.js';
import {
  chained,
  HOOK_NAMES,
  type HookChain,
  hooksOf,
  isHookName,
  noHooks,
  withoutHooks,
} from './hook-chain.js';
import { adopted, isPromise } from './promise.js';
import { checkMessage, checkTopic, type WebSocketEvents, type WebSocketLimits } from './websocket.js';

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

const OPTION_NAMES: ReadonlySet<string> = new Set([
  'params',
  'query',
  'headers',
  'body',
  'bodyType',
  'response',
  'bodyLimit',
  'chunked',
  'compress',
  'timeoutMs',
  'internal',
  'rateLimit',
  'priority',
  'maxConcurrent',
  'summary',
  ...HOOK_NAMES,
] satisfies (keyof RouteOptions)[]);
const EVENT_NAMES = ['upgrade', 'open', 'message', 'drain', 'close'] satisfies (
  | 'upgrade'
  | keyof WebSocketEvents<unknown>
)[];
const WEBSOCKET_NAMES: ReadonlySet<string> = new Set([
  ...EVENT_NAMES,
  'maxPayload',
  'idleTimeoutMs',
  'maxBackpressure',
  'whenBehind',
  'deflate',
  'origins',
  'protocols',
  'internal',
  'timeoutMs',
  'summary',
] satisfies (keyof WebSocketOptions | keyof WebSocketLimits)[]);
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
        checkOptions(method, path, options);
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
        checkWebSocket(path, options);
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
        checkOptions('group', inner, options);
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

function checkWebSocket<D>(path: string, options: WebSocketOptions<D>): void {
  const bad = (reason: string): TypeError => new TypeError(`WebSocket ${path}: ${reason}`);
  if (typeof options !== 'object' || options === null) throw bad('it needs an object of callbacks');
  const unknown = Object.keys(options).find((name) => !WEBSOCKET_NAMES.has(name));
  if (unknown !== undefined) throw bad(`unknown option "${unknown}"`);
  const wrong = EVENT_NAMES.find((name) => !['function', 'undefined'].includes(typeof options[name]));
  if (wrong !== undefined) throw bad(`${wrong} is not a function`);
  checkTimeout(options.timeoutMs, bad);
}

function checkTimeout(timeoutMs: number | undefined, bad: (reason: string) => TypeError): void {
  if (timeoutMs !== undefined && !(Number.isFinite(timeoutMs) && timeoutMs > 0)) {
    throw bad('timeoutMs must be a positive number');
  }
}

function checkOptions(method: string, path: string, options: RouteOptions): void {
  const bad = (reason: string): TypeError => new TypeError(`${method} ${path}: ${reason}`);
  const unknown = Object.keys(options).find((name) => !OPTION_NAMES.has(name));
  if (unknown !== undefined) throw bad(`unknown option "${unknown}"`);
  const misplaced = method === 'group' && Object.keys(options).find((name) => NOT_OF_GROUPS.has(name));
  if (misplaced) throw bad(`"${misplaced}" belongs to a route, not to a group`);
  const { bodyLimit, timeoutMs, chunked, body, priority } = options;
  if (bodyLimit !== undefined && !(Number.isSafeInteger(bodyLimit) && bodyLimit >= 0)) {
    throw bad('bodyLimit must be a whole number of bytes');
  }
  checkTimeout(timeoutMs, bad);
  if (priority !== undefined && !PRIORITIES.includes(priority)) {
    throw bad(`priority must be one of ${PRIORITIES.join(', ')}`);
  }
  if (chunked !== undefined && chunked !== 'accept' && chunked !== 'reject') {
    throw bad('chunked must be "accept" or "reject"');
  }
  if (options.bodyType !== undefined && options.bodyType !== 'json' && options.bodyType !== 'form') {
    throw bad('bodyType must be "json" or "form"');
  }
  for (const name of HOOK_NAMES) {
    if (hooksOf<unknown>(options[name]).some((hook) => typeof hook !== 'function')) {
      throw bad(`${name} must be a function or a list of functions`);
    }
  }
  if (body !== undefined && BODILESS.has(method)) throw bad(`a ${method} route cannot declare a body`);
}
