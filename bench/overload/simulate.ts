// Simulates one shape of load under one rule, phase by phase.
import type { Policy } from './gates/gate.js';
import { Model, type Tally } from './model.js';
import { type Phase, SETTLING_MS, type Shape } from './shapes.js';

export interface SimulationOptions {
  readonly shape: Shape;
  readonly phases: readonly Phase[];
  readonly policy: Policy;
  readonly workers?: number;
  readonly seed?: number;
  /** CPU time of one refusal in milliseconds. */
  readonly refusalMs?: number;
}

export interface RouteResult {
  readonly name: string;
  /** 0..1 */
  readonly refused: number;
  readonly p99Ms: number;
}

export interface PhaseResult {
  readonly name: string;
  readonly offered: number;
  readonly refusals: number;
  /** 0..1 */
  readonly refused: number;
  /** Responses as a share of the most that are possible besides the refusals. */
  readonly goodput: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** The same without the time in which an overload may settle (`Shape.settlingMs`). */
  readonly settledP99Ms: number;
  readonly refusalP99Ms: number;
  /** Milliseconds from the beginning of the phase to its last refusal; 0: there was none. */
  readonly refusedForMs: number;
  readonly routes: readonly RouteResult[];
}

/** CPU time of a refusal, as measured in docs/overload.md. */
export const REFUSAL_MS = 0.014;
/** Milliseconds from a response to the next request of the same connection. */
const THINK_MS = 0.1;

export const quantile = (values: readonly number[], share: number): number => {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
};

export function simulate(options: SimulationOptions): readonly PhaseResult[] {
  const { shape, phases, policy, workers = 2, seed = 1, refusalMs = REFUSAL_MS } = options;
  const { routes, pauses, pausesShare = 0, cpuMs } = shape;
  const model = new Model({ workers, seed, policy, routes, refusalMs, pauses });
  /** Rate in requests per millisecond. */
  const capacity = (workers * (1 - pausesShare)) / cpuMs;
  const results: PhaseResult[] = [];
  let beginsAt = 0;
  for (const phase of phases) {
    const endsAt = beginsAt + phase.ms;
    model.restart();
    generate(model, shape, phase, capacity, endsAt);
    model.agenda.runUntil(beginsAt + Math.min(shape.settlingMs ?? SETTLING_MS, phase.ms));
    model.total.unsettled = model.total.latencies.length;
    model.agenda.runUntil(endsAt);
    results.push(resultOf(phase, beginsAt, model, shape, capacity * phase.ms, refusalMs));
    beginsAt = endsAt;
  }
  return results;
}

function generate(model: Model, shape: Shape, phase: Phase, capacity: number, endsAt: number): void {
  const { agenda, random, workers } = model;
  const { load, connections, variant = 0, bursts } = phase;
  const make = () => shape.work(random, variant);
  if (connections !== undefined) {
    for (let index = 0; index < connections; index++) {
      const send = (): void => {
        if (agenda.now >= endsAt) return;
        model.send(make(), index % workers.length, () => agenda.after(THINK_MS, send));
      };
      agenda.after(random.next(), send);
    }
  } else if (load > 0) {
    const arrive = (): void => {
      if (agenda.now >= endsAt) return;
      model.send(make(), Math.floor(random.next() * workers.length));
      agenda.after(random.exponential(1 / (load * capacity)), arrive);
    };
    agenda.after(random.exponential(1 / (load * capacity)), arrive);
  }
  if (bursts === undefined) return;
  for (let at = agenda.now + bursts.everyMs; at < endsAt; at += bursts.everyMs) {
    agenda.at(at, () => {
      for (let index = 0; index < bursts.requests; index++) model.send(make(), index % workers.length);
    });
  }
}

function resultOf(
  phase: Phase,
  beganAt: number,
  model: Model,
  shape: Shape,
  mostDone: number,
  refusalMs: number,
): PhaseResult {
  const { offered, refused, done, latencies, unsettled, refusalLatencies, lastRefusalAt } = model.total;
  const { load, connections } = phase;
  const best = connections !== undefined ? 1 : bestOf(load, shape.cpuMs, refusalMs);
  return {
    name: phase.name,
    offered,
    refusals: refused,
    refused: offered === 0 ? 0 : refused / offered,
    goodput: done / mostDone / best,
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
    settledP99Ms: quantile(latencies.slice(unsettled), 0.99),
    refusalP99Ms: quantile(refusalLatencies, 0.99),
    refusedForMs: Math.max(0, lastRefusalAt - beganAt),
    routes: model.byRoute.map((tally, index) => routeResult(shape.routes[index]!.name, tally)),
  };
}

const routeResult = (name: string, { offered, refused, latencies }: Tally): RouteResult => ({
  name,
  refused: offered === 0 ? 0 : refused / offered,
  p99Ms: quantile(latencies, 0.99),
});

/**
 * The largest possible share of the capacity for responses, because refusals cost CPU time too.
 * @param load share of the capacity
 */
export function bestOf(load: number, cpuMs: number, refusalMs: number): number {
  if (load <= 1) return load;
  return Math.max(0, ((1 - (load / cpuMs) * refusalMs) * cpuMs) / (cpuMs - refusalMs));
}
