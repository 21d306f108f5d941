// Text of a thrown value for messages of the runtime itself. What code of a service throws is not trusted to
// be readable: `toError` (telemetry) and `readableError` (user-code) are for that.

/** The message of an Error; any other value as a string. */
export const errorMessage = (thrown: unknown): string =>
  thrown instanceof Error ? thrown.message : String(thrown);

/** The stack of an Error, or its message when it has none; any other value as a string. */
export const errorStack = (thrown: unknown): string =>
  thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
