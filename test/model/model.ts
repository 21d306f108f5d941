// The parts of a check: threads that call code of `src/memory`, and laws about the results.

/**
 * The state of a thread between its accesses, for the laws. It has numbers only, since it is copied and
 * compared as text. While `waits` is 1 the thread makes no call until it is woken from a wait by
 * `Atomics.waitAsync`.
 */
export type Self = Record<string, number>;

/**
 * The calls of a thread, in order. A call may do anything with shared memory, but it must
 * depend only on `self` and on the values that it reads there, and change nothing else but `self`:
 * it is run again from its beginning, with the same values, whenever the thread makes a step.
 */
export type Calls<S extends Self> = Readonly<Record<string, (self: S) => void>>;

export interface Thread<S extends Self> {
  readonly name: string;
  readonly self: S;
  readonly calls: Calls<S>;
  /** Whether the thread may die between any two accesses. @default true when the model has `recovery` */
  readonly mayDie?: boolean;
  /** Whether the thread may wait for ever. @default false */
  readonly mayWait?: boolean;
}

/** The state of a run, as the laws see it. */
export interface View<S extends Self> {
  /** The states of all threads, of a dead thread at its death. */
  readonly selves: readonly S[];
  readonly living: readonly S[];
  /** The number of the dead thread, if any. */
  readonly dead: number | undefined;
  /** The numbers of living threads that wait to be woken. */
  readonly asleep: readonly number[];
}

export interface Model<S extends Self> {
  readonly threads: readonly Thread<S>[];
  /**
   * The calls of the primary after a thread has died, while the others continue. Default: no recovery.
   * @param dead the number of the dead thread
   */
  readonly recovery?: (dead: number) => Readonly<Record<string, () => void>>;
  /** The law of every moment. It throws when it is violated. */
  readonly always?: (view: View<S>) => void;
  /**
   * The law of the end, when all threads have ended or died, and recovery is over. Its changes are undone.
   */
  readonly finally?: (view: View<S>) => void;
}

/** A model with threads of any state. */
export type AnyModel = Model<Self>;

export const model = <S extends Self>(typed: Model<S>): AnyModel => typed as unknown as AnyModel;

/** A model that cannot be checked: its code acted differently when it was run again. */
export class ModelError extends Error {}

export function law(holds: boolean, message: string): void {
  if (!holds) throw new LawError(message);
}

export class LawError extends Error {}

export const sumOf = <S extends Self>(selves: readonly S[], name: keyof S): number =>
  selves.reduce((sum, self) => sum + (self[name] ?? 0), 0);
