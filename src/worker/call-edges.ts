// Counts which service calls which: attempts of calls by the calling service, the called one, whether the
// instance is one of this process, and the outcome. Names of services may come from clients of the gateway
// and from data, so the number of pairs that are told apart is bounded.
import { types } from 'node:util';
import { errorTypeOf } from '../error-type.js';
import type { Counter, Recorder } from '../memory/metrics/recorder.js';
import { HedgeLostError } from '../resilience/hedge.js';
import type { AttemptResult } from '../upstream/call-observer.js';

/** Stands for the gateway where a caller is named. It cannot be the name of a service. */
export const GATEWAY_CALLER = '_gateway';
/** Pairs of caller and called service of one thread; all further ones count as one. */
export const MOST_PAIRS = 256;
const OTHER = '_OTHER';
const METRIC = 'multilane_calls_total';

type CallOutcome = 'ok' | 'error' | 'cancelled';

/** The counters of one caller, one called service, and one kind of instance. */
export class CallEdge {
  readonly #make: (outcome: CallOutcome) => Counter;
  readonly #counters = new Map<CallOutcome, Counter>();

  constructor(make: (outcome: CallOutcome) => Counter) {
    this.#make = make;
  }

  ended(result: AttemptResult): void {
    const outcome = outcomeOf(result);
    let counter = this.#counters.get(outcome);
    if (counter === undefined) {
      counter = this.#make(outcome);
      this.#counters.set(outcome, counter);
    }
    counter.add();
  }
}

/** The pairs of one thread. */
export class CallEdges {
  readonly #recorder: Recorder;
  #pairs = 0;
  readonly #others = new Map<boolean, CallEdge>();

  constructor(recorder: Recorder) {
    this.#recorder = recorder;
  }

  /** @returns a function that finds the counters of a called service, for one caller */
  from(caller: string): (service: string, isOwn: boolean) => CallEdge {
    const own = new Map<string, CallEdge>();
    const remote = new Map<string, CallEdge>();
    return (service, isOwn) => {
      const edges = isOwn ? own : remote;
      const known = edges.get(service);
      if (known !== undefined) return known;
      if (this.#pairs >= MOST_PAIRS) return this.#other(isOwn);
      this.#pairs += 1;
      const edge = this.#edge(caller, service, isOwn);
      edges.set(service, edge);
      return edge;
    };
  }

  #other(isOwn: boolean): CallEdge {
    const edge = this.#others.get(isOwn) ?? this.#edge(OTHER, OTHER, isOwn);
    this.#others.set(isOwn, edge);
    return edge;
  }

  #edge(from: string, to: string, isOwn: boolean): CallEdge {
    const target = isOwn ? 'own' : 'remote';
    return new CallEdge((outcome) => this.#recorder.counter(METRIC, { from, to, target, outcome }));
  }
}

/** The types of the errors of attempts that the caller has given up. */
const CANCELLED: ReadonlySet<string> = new Set(['CLIENT_CLOSED', 'AbortError', 'ABORT_ERR']);

/** An attempt that its caller has given up, or that lost against a hedge, shows nothing of the service. */
function outcomeOf(result: AttemptResult): CallOutcome {
  if ('status' in result) return result.status < 500 ? 'ok' : 'error';
  const { error } = result;
  if (types.isNativeError(error) && error instanceof HedgeLostError) return 'cancelled';
  return CANCELLED.has(errorTypeOf(error)) ? 'cancelled' : 'error';
}
