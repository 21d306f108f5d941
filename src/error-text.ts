// Text of a thrown value for messages of the runtime itself. What code of a service throws is not trusted to
// be readable: `toError` (telemetry) and `readableError` (user-code) are for that.

/** The message of an Error, or those of the errors that it collects; any other value as a string. */
export function errorMessage(thrown: unknown): string {
  // Node.js tries each address of a host. If all fail, its error has no message of its own.
  if (thrown instanceof AggregateError && thrown.message === '')
    return thrown.errors.map(errorMessage).join(', ');
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** The stack of an Error, or its message when it has none; any other value as a string. */
export const errorStack = (thrown: unknown): string =>
  thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
