// Hooks in the order of declaration, inside the hooks of the groups around them. The hooks of a route are the
// innermost.
import type { Hooks, RouteHooks } from './handler.js';

export type Hook<K extends keyof Hooks> = NonNullable<Hooks[K]>;

/** The hooks of an application, a group or a route, together with the hooks around it. */
export interface HookChain {
  readonly outer: HookChain | undefined;
  readonly onRequest: Hook<'onRequest'>[];
  readonly preHandler: Hook<'preHandler'>[];
  readonly onResponse: Hook<'onResponse'>[];
  readonly onError: Hook<'onError'>[];
}

export const HOOK_NAMES = [
  'onRequest',
  'preHandler',
  'onResponse',
  'onError',
] as const satisfies readonly (keyof Hooks)[];

export const isHookName = (name: string): name is keyof Hooks =>
  (HOOK_NAMES as readonly string[]).includes(name);

export const noHooks = (outer: HookChain | undefined): HookChain => ({
  outer,
  onRequest: [],
  preHandler: [],
  onResponse: [],
  onError: [],
});

export const hooksOf = <T>(declared: T | readonly T[] | undefined): readonly T[] =>
  declared === undefined ? [] : Array.isArray(declared) ? declared : [declared as T];

/**
 * Returns a chain with the hooks of these options inside `outer`, or `outer` itself when they declare none.
 */
export function chained(outer: HookChain, options: RouteHooks): HookChain {
  if (HOOK_NAMES.every((name) => options[name] === undefined)) return outer;
  return {
    outer,
    onRequest: [...hooksOf(options.onRequest)],
    preHandler: [...hooksOf(options.preHandler)],
    onResponse: [...hooksOf(options.onResponse)],
    onError: [...hooksOf(options.onError)],
  };
}

/**
 * Returns the options that a list of routes shows: hooks belong to the pipeline, not to what a route
 * promises.
 */
export function withoutHooks<O extends RouteHooks>(options: O): Omit<O, keyof RouteHooks> {
  const rest: Record<string, unknown> = { ...options };
  for (const name of HOOK_NAMES) delete rest[name];
  return rest as Omit<O, keyof RouteHooks>;
}

/** Returns all hooks of one kind, the outermost first. */
export function flatten<K extends keyof Hooks>(chain: HookChain | undefined, name: K): Hook<K>[] {
  return chain === undefined ? [] : [...flatten(chain.outer, name), ...(chain[name] as Hook<K>[])];
}

/** Returns the hooks of the application itself. */
export const outermost = (chain: HookChain | undefined): HookChain | undefined =>
  chain?.outer === undefined ? chain : outermost(chain.outer);
