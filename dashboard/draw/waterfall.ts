// The spans of a trace in the order in which a waterfall shows them: each below its parent, by their start.
import type { Span } from '../core/types.js';

export interface Fall {
  readonly span: Span;
  readonly depth: number;
  /** Its parent is not among the spans: it was displaced, has not ended, or is in another process. */
  readonly lacksParent: boolean;
  /** Shares of the duration of the whole trace. */
  readonly left: number;
  readonly width: number;
}

const startOf = ({ startedAt }: Span): number => Date.parse(startedAt);

export function fallsOf(spans: readonly Span[]): readonly Fall[] {
  const start = Math.min(...spans.map(startOf));
  const end = Math.max(...spans.map((span) => startOf(span) + span.durationMs));
  const whole = Math.max(end - start, 0.001);
  const ids = new Set(spans.map(({ spanId }) => spanId));
  const children = new Map<string | null, Span[]>();
  for (const span of [...spans].sort((a, b) => startOf(a) - startOf(b))) {
    const { parentSpanId } = span;
    const parent = parentSpanId !== null && ids.has(parentSpanId) ? parentSpanId : null;
    children.set(parent, [...(children.get(parent) ?? []), span]);
  }
  const falls: Fall[] = [];
  const shown = new Set<Span>();
  const waiting = (children.get(null) ?? []).map((span) => ({ span, depth: 0 })).reverse();
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { span, depth } = next;
    if (shown.has(span)) continue;
    shown.add(span);
    const left = (startOf(span) - start) / whole;
    const lacksParent = depth === 0 && span.parentSpanId !== null;
    falls.push({ span, depth, lacksParent, left, width: span.durationMs / whole });
    const below = children.get(span.spanId) ?? [];
    for (const child of [...below].reverse()) waiting.push({ span: child, depth: depth + 1 });
  }
  return falls;
}
