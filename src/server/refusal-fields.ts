// Response fields of hooks for responses that no hook has seen: those to a request that is refused before its
// route runs, or that has no route. A browser hides from its page what the CORS fields do not allow, so
// without them the page could not read the reason of a refusal.
import type { Context } from './handler.js';

/** Sets fields of a response. It is synchronous and must not respond itself. */
export type SetFields = (ctx: Context) => void;

const FIELDS = Symbol('fields');

interface WithFields {
  readonly [FIELDS]?: SetFields;
}

/**
 * Marks an `onRequest` hook whose fields are also set on refusals. They must not depend on who the client is.
 */
export function alsoOnRefusals<Hook extends (ctx: Context) => unknown>(hook: Hook, fields: SetFields): Hook {
  return Object.assign(hook, { [FIELDS]: fields });
}

/** The functions of these hooks that set fields on refusals, in their order. */
export const refusalFields = (hooks: readonly ((ctx: never) => unknown)[]): readonly SetFields[] =>
  hooks.flatMap((hook) => (hook as WithFields)[FIELDS] ?? []);
