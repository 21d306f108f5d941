// Runs the onResponse hooks of a request, whose response is complete: none of them can change it any more.
import type { Context, Hooks } from './handler.js';
import { adopted, isPromise } from './promise.js';

/** @param failed gets what a hook throws; the other hooks run all the same */
export function runResponseHooks(
  hooks: readonly NonNullable<Hooks['onResponse']>[],
  context: Context,
  status: number,
  failed: (thrown: unknown) => void,
): void {
  for (const hook of hooks) {
    try {
      const late: unknown = hook(context, status);
      if (isPromise(late)) adopted(late).catch(failed);
    } catch (thrown) {
      failed(thrown);
    }
  }
}
