// The contract of an admission gate in a modelled worker: our Admission, or a rule to compare it with.
import type { LoopSignals } from '#src/resilience/loop-signals.js';

export interface RouteSpec {
  readonly name: string;
  readonly priority?: 'critical' | 'normal' | 'background';
}

export interface ModelGate {
  /** @returns 0: refused; otherwise the ticket for `leave` */
  enter(): number;
  /**
   * @param ticket the result of `enter`
   * @param latencyMs time since the request was admitted
   * @param isSynchronous true when it leaves in the callback in which it was admitted
   */
  leave(ticket: number, latencyMs: number, isSynchronous: boolean): void;
  readonly holdMs: number;
}

export interface ModelAdmission {
  gate(route: RouteSpec): ModelGate;
  /** Called every 50 ms by a timer of the loop. */
  beat(): void;
}

export interface GateContext {
  readonly worker: number;
  readonly loop: LoopSignals;
}

/** The gates of one process, which may share state as its workers do. */
export type Process = (context: GateContext) => ModelAdmission;
export type Policy = (workers: number) => Process;

/** A gate that admits everything. */
export const none: Policy = () => () => ({
  gate: () => ({ enter: () => 1, leave() {}, holdMs: 0 }),
  beat() {},
});
