// Fields of hooks on answers that no hook has seen: a request that is refused before its route runs, or that
// has no route. A browser hides from its page whatever CORS does not name, and the page would not learn why.
import type { Context } from './handler.js';

/** Puts fields on an answer. Never one itself, and never late. */
export type Fields = (ctx: Context) => void;

const FIELDS = Symbol('fields');

interface WithFields {
  readonly [FIELDS]?: Fields;
}

/** The `onRequest` hook, whose fields go on refusals too. They must not ask who the client is. */
export function alsoOnRefusals<Hook extends (ctx: Context) => unknown>(hook: Hook, fields: Fields): Hook {
  return Object.assign(hook, { [FIELDS]: fields });
}

/** What these hooks say on refusals, in their order. */
export const refusalFields = (hooks: readonly ((ctx: never) => unknown)[]): readonly Fields[] =>
  hooks.flatMap((hook) => (hook as WithFields)[FIELDS] ?? []);
