// Tracing of a thread that keeps spans. Whether a trace is kept is decided here by one random word, before
// anything is created: almost no request is sampled, and a span that is created costs more than a small
// request.
import type { TraceContext } from '../scope.js';
import { parseTraceparent } from './propagation.js';
import type { HeadSampler } from './sampler.js';
import type {
  IncomingTrace,
  SpanAttributes,
  SpanHandle,
  SpanKind,
  SpanLink,
  SpanStart,
  Tracing,
} from './span.js';
import type { SpanKeeper } from './span-keeper.js';
import { samplingWord, type TraceIds } from './trace-ids.js';
import { Unrecorded, UnsampledRequest } from './unrecorded.js';

const WORDS = 2 ** 32;
/** The end of a `traceparent` whose sender does not sample. */
const UNSAMPLED = '-00';

export class SampledTracing implements Tracing {
  readonly enabled = true;
  readonly #ids: TraceIds;
  readonly #sampler: HeadSampler;
  readonly #keeper: SpanKeeper;

  constructor(ids: TraceIds, sampler: HeadSampler, keeper: SpanKeeper) {
    this.#ids = ids;
    this.#sampler = sampler;
    this.#keeper = keeper;
  }

  samples(incoming: IncomingTrace): boolean {
    const { bound, followsParent } = this.#sampler;
    const isChosen = this.#ids.word() < bound;
    const { traceparent } = incoming;
    if (traceparent === undefined) return isChosen;
    // The request is not kept, whether or not its sender is trusted. Finding that out is expensive.
    if (followsParent && !isChosen && traceparent.endsWith(UNSAMPLED)) return false;
    const parent = incoming.trusted ? parseTraceparent(traceparent) : undefined;
    if (parent === undefined) return isChosen;
    // Only the trace id of a trusted sender decides. Other senders could choose an id that is always kept.
    return followsParent ? parent.sampled : samplingWord(parent.traceId) < bound;
  }

  keep({ traceparent, tracestate }: IncomingTrace, { name, attributes, links }: SpanStart): SpanHandle {
    const parent = parseTraceparent(traceparent, tracestate);
    const { bound } = this.#sampler;
    return this.#keeper.begin({
      name,
      kind: 'server',
      parent: parent && { ...parent, sampled: true },
      isRemote: true,
      attributes,
      links,
      bound,
    });
  }

  unsampled({ traceparent, tracestate }: IncomingTrace): SpanHandle {
    const { bound } = this.#sampler;
    // A word that is not sampled. There is none for a ratio of 1, which an operator may have set by now.
    const word = bound < WORDS ? bound + Math.floor((this.#ids.word() / WORDS) * (WORDS - bound)) : 0;
    return new UnsampledRequest(this.#ids, word, traceparent, tracestate);
  }

  begin(
    name: string,
    kind: SpanKind,
    parent: TraceContext | undefined,
    attributes: SpanAttributes = {},
    links?: readonly SpanLink[],
  ): SpanHandle {
    const { bound } = this.#sampler;
    if (parent === undefined) {
      const word = this.#ids.word();
      if (word >= bound) return new UnsampledRequest(this.#ids, word, undefined, undefined);
    } else if (!parent.sampled) return new Unrecorded(parent);
    return this.#keeper.begin({ name, kind, parent, isRemote: false, attributes, links, bound });
  }

  flush(): Promise<void> {
    return this.#keeper.flush();
  }

  shutdown(): Promise<void> {
    return this.#keeper.shutdown();
  }
}
