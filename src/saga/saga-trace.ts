// The trace that a saga continues: that of the request which started it, however long ago and in whichever
// process.
import { randomBytes } from 'node:crypto';
import type { TraceContext } from '../scope.js';
import { parseTraceparent } from '../telemetry/propagation.js';

/** A new, unsampled trace when the saga was started outside of a trace. */
export function traceOf(traceparent: string | null, tracestate: string | null): TraceContext {
  const started = parseTraceparent(traceparent ?? undefined, tracestate ?? undefined);
  if (started !== undefined) return started;
  const ids = randomBytes(24).toString('hex');
  return { traceId: ids.slice(0, 32), spanId: ids.slice(32), sampled: false, tracestate: undefined };
}
