// What a check consists of: threads that call code of `src/memory`, and laws about what may come of it.

/**
 * What a thread knows of itself between its accesses, for the laws. Numbers only: it is copied and compared
 * as text. While `waits` is 1 the thread makes no call before it is woken from what it waits for by
 * `Atomics.waitAsync`.
 */
export type Self = Record<string, number>;

/**
 * Calls that a thread makes, in this order. A call may do anything with shared memory, but what it does may
 * depend on nothing else than `self` and what it has read there, and nothing but `self` may be changed by it:
 * it is run again from its beginning, with the same readings, whenever the thread makes a step.
 */
export type Calls<S extends Self> = Readonly<Record<string, (self: S) => void>>;

export interface Thread<S extends Self> {
  readonly name: string;
  readonly self: S;
  readonly calls: Calls<S>;
  /** Whether it may end between any two accesses. @default true when the model has `recovery` */
  readonly mayDie?: boolean;
  /** Whether it may wait for good. @default false */
  readonly mayWait?: boolean;
}

/** As the laws see it. */
export interface View<S extends Self> {
  /** The state of all threads, the dead one included as it was when it died. */
  readonly selves: readonly S[];
  readonly living: readonly S[];
  /** Number of the thread that has died. */
  readonly dead: number | undefined;
  /** Numbers of living threads that wait to be woken. */
  readonly asleep: readonly number[];
}

export interface Model<S extends Self> {
  readonly threads: readonly Thread<S>[];
  /**
   * What the primary calls once a thread has died, while the others go on. Without it nothing is recovered.
   * @param dead number of the thread
   */
  readonly recovery?: (dead: number) => Readonly<Record<string, () => void>>;
  /** Holds at every moment. Throws when it does not. */
  readonly always?: (view: View<S>) => void;
  /**
   * Holds when all threads are at their ends or dead, and recovery is over. What it changes is taken back.
   */
  readonly finally?: (view: View<S>) => void;
}

/** The same, whatever its threads know of themselves. */
export type AnyModel = Model<Self>;

export const model = <S extends Self>(typed: Model<S>): AnyModel => typed as unknown as AnyModel;

/** A model that cannot be checked as it is: the code did something else when it was run again. */
export class ModelError extends Error {}

export function law(holds: boolean, message: string): void {
  if (!holds) throw new LawError(message);
}

export class LawError extends Error {}

export const sumOf = <S extends Self>(selves: readonly S[], name: keyof S): number =>
  selves.reduce((sum, self) => sum + (self[name] ?? 0), 0);
