// What kind of error a metric or a span shows.
import { HttpError } from '../errors.js';

/** A code of errors.ts, an SQLSTATE, or the name of the error's class: never free text. */
export function errorTypeOf(error: unknown): string {
  if (error instanceof HttpError) return error.code;
  if (!(error instanceof Error)) return 'unknown';
  const { sqlState } = error as { readonly sqlState?: unknown };
  return typeof sqlState === 'string' ? sqlState : error.name;
}
