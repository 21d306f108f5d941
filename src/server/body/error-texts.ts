// The texts of validation errors that a project sets. TypeBox has `SetErrorFunction` beside the code of all
// its checks, which `import 'multilane'` would load for nothing: so what a project sets waits here until the
// checks are loaded.
import type { ErrorFunction } from '@sinclair/typebox/errors';

type Set = (texts: ErrorFunction) => void;

let given: ErrorFunction | undefined;
let setInChecks: Set | undefined;

/**
 * Sets the function that makes the message of each error of validation, for all routes of the thread.
 * @param texts gets the schema, its path and the kind of the error, and returns the message
 * @example SetErrorFunction(({ schema }) => schema.description ?? 'is not valid');
 */
export function SetErrorFunction(texts: ErrorFunction): void {
  given = texts;
  setInChecks?.(texts);
}

/** Called once the checks are loaded, with the function of TypeBox. */
export function applyErrorTexts(set: Set): void {
  setInChecks = set;
  if (given !== undefined) set(given);
}
