// Tracing that records nothing, as in a process without an exporter.
import type { SpanHandle, Tracing } from '#src/telemetry/span.js';

const span: SpanHandle = {
  context: { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), sampled: false, tracestate: undefined },
  recording: false,
  setAttribute: () => undefined,
  end: () => undefined,
};

export const untraced: Tracing = {
  enabled: false,
  samples: () => false,
  keep: () => span,
  unsampled: () => span,
  begin: () => span,
  flush: async () => undefined,
  shutdown: async () => undefined,
};
