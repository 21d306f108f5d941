// A scope whose work a test interrupts. Its holds must be released, since V8 runs no `finally` block of it.
import { Deadline } from '#src/deadline.js';
import { Holds } from '#src/hold.js';
import type { Scope } from '#src/scope.js';

export function heldScope(): Scope & { readonly holds: Holds } {
  return {
    requestId: 'interrupted',
    deadline: Deadline.after(60_000),
    signal: new AbortController().signal,
    trace: { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), sampled: false, tracestate: undefined },
    service: 'test',
    holds: new Holds(),
  };
}
