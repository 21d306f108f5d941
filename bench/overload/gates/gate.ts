// What decides in a modelled worker who is admitted: our Admission, or a rule to compare it with.
import type { LoopSignals } from '#src/resilience/loop-signals.js';

export interface RouteSpec {
  readonly name: string;
  readonly priority?: 'critical' | 'normal' | 'background';
}

export interface ModelGate {
  /** @returns 0: refused; else what `leave` is to be called with */
  enter(): number;
  /**
   * @param ticket what `enter` has returned
   * @param latencyMs since it was admitted
   * @param isSynchronous in the callback in which it was admitted
   */
  leave(ticket: number, latencyMs: number, isSynchronous: boolean): void;
  readonly holdMs: number;
}

export interface ModelAdmission {
  gate(route: RouteSpec): ModelGate;
  /** Called every 50 ms, by a timer of the loop. */
  beat(): void;
}

export interface GateContext {
  readonly worker: number;
  readonly loop: LoopSignals;
}

/** Gates of one process: they may share what its workers share. */
export type Process = (context: GateContext) => ModelAdmission;
export type Policy = (workers: number) => Process;

/** Admits everything. */
export const none: Policy = () => () => ({
  gate: () => ({ enter: () => 1, leave() {}, holdMs: 0 }),
  beat() {},
});
