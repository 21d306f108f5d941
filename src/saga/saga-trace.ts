// The trace that a saga continues: that of the request which started it, however long ago and in whichever
// process.
import { randomBytes } from 'node:crypto';
import type { TraceContext } from '../scope.js';
import { parseTraceparent } from '../telemetry/propagation.js';

/**
 * An unsampled trace when the saga was started outside of a trace.
 * @param sagaId makes the ids of that trace, so they are the same in each process that continues the saga
 */
export function traceOf(
  traceparent: string | null,
  tracestate: string | null,
  sagaId?: string,
): TraceContext {
  const started = parseTraceparent(traceparent ?? undefined, tracestate ?? undefined);
  if (started !== undefined) return started;
  const traceId = sagaId?.replaceAll('-', '').toLowerCase() ?? randomBytes(16).toString('hex');
  return { traceId, spanId: traceId.slice(16), sampled: false, tracestate: undefined };
}
