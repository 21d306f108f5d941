// Explores all runs of a model by a search over its states: a run that reaches a state of another run
// is not continued. Each access is a move of its own, except accesses that no other thread can
// notice.
import { type AnyModel, LawError } from './model.js';
import { ModelMemory } from './model-memory.js';
import type { Operation } from './operations.js';
import { Run } from './run.js';
import { deathOf, formatSchedule, isDeath, type Move } from './schedule.js';
import { SteppedAtomics } from './stepped-atomics.js';
import { traceOf } from './trace.js';
import { Visibility } from './visibility.js';
import { World } from './world.js';

/** Builds the model. Its accesses of shared memory are executed at once. */
export type Build = (world: World) => AnyModel;

export interface Finding {
  /** The law that was violated, or the thread that cannot continue. */
  readonly message: string;
  /** The schedule that leads to the failure: see schedule.ts. */
  readonly schedule: string;
  /** One line for each access that other threads can notice. */
  readonly trace: string;
}

export interface Exploration {
  /** Number of different states that were reached. */
  readonly states: number;
  readonly finding: Finding | undefined;
}

export interface ExploreOptions {
  /**
   * A thread is interrupted in the middle of a call at most this number of times in a run.
   * @default without a bound
   */
  readonly interruptions?: number;
}

/** @throws ModelError when the model itself is wrong */
export function explore(
  build: Build,
  { interruptions = Number.POSITIVE_INFINITY }: ExploreOptions = {},
): Exploration {
  const search = new Search(build);
  return search.atomics.install(() => {
    const result = search.all(interruptions);
    if (result.finding === undefined) return result;
    // A failure with few interruptions is easier to read, so those runs are explored first.
    for (let few = 0; few <= Math.min(FEW, interruptions - 1); few++) {
      const { finding } = search.all(few);
      if (finding !== undefined) return { states: result.states, finding };
    }
    return result;
  });
}

/** Makes the moves of a schedule. @returns the failure, if any, and the trace */
export function replay(
  build: Build,
  schedule: readonly Move[],
): { message: string | undefined; trace: string } {
  const search = new Search(build);
  return search.atomics.install(() => search.replay(schedule));
}

const FEW = 3;
const NO_THREAD = -1;

class Grown extends Error {}
class Found extends Error {}

class Search {
  readonly atomics: SteppedAtomics;
  readonly #memory = new ModelMemory();
  readonly #world = new World(this.#memory);
  readonly #build: Build;
  readonly #visibility = new Visibility();
  readonly #moves: Move[] = [];
  readonly #seen = new Map<string, number>();
  #model: AnyModel | undefined;
  #run: Run | undefined;

  constructor(build: Build) {
    this.#build = build;
    this.atomics = new SteppedAtomics(this.#memory);
  }

  all(interruptions: number): Exploration {
    const run = this.#begin();
    const start = run.mark();
    for (;;) {
      this.#seen.clear();
      this.#moves.length = 0;
      try {
        this.#visit(NO_THREAD, interruptions);
        return { states: this.#seen.size, finding: undefined };
      } catch (error) {
        run.undo(start);
        if (error instanceof Found) return { states: this.#seen.size, finding: this.#finding(error.message) };
        if (!(error instanceof Grown)) throw error;
      }
    }
  }

  replay(moves: readonly Move[]): { message: string | undefined; trace: string } {
    const run = this.#begin();
    const start = run.mark();
    const { lines, message } = traceOf(run, this.#memory, this.#world, moves, () => this.#failure(run));
    run.undo(start);
    return { message, trace: lines.join('\n') };
  }

  #begin(): Run {
    if (this.#run === undefined) {
      this.#model = this.#build(this.#world);
      this.#memory.begin();
      this.#run = new Run(this.#model, this.#memory, this.atomics);
    }
    return this.#run;
  }

  #finding(message: string): Finding {
    const moves = [...this.#moves];
    const { trace } = this.replay(moves);
    return { message, schedule: formatSchedule(moves), trace };
  }

  /** @param last the thread that made the last move */
  #visit(last: number, interruptions: number): void {
    const run = this.#run!;
    const isBounded = interruptions !== Number.POSITIVE_INFINITY;
    const key = run.keyWith(isBounded ? last : NO_THREAD);
    const before = this.#seen.get(key);
    if (before !== undefined && before >= interruptions) return;
    this.#seen.set(key, interruptions);
    const message = this.#failure(run);
    if (message !== undefined) throw new Found(message);
    const isInside = last !== NO_THREAD && run.canStep(last) && !run.place(last)!.isBetweenCalls;
    for (let thread = 0; thread <= run.recoverer; thread++) {
      if (run.canStep(thread)) {
        const left = isInside && thread !== last ? interruptions - 1 : interruptions;
        if (left >= 0) this.#follow(thread, thread, left);
      }
      if (run.canDie(thread)) this.#follow(deathOf(thread), NO_THREAD, interruptions);
    }
  }

  #follow(move: Move, last: number, interruptions: number): void {
    const run = this.#run!;
    const mark = run.mark();
    const { length } = this.#moves;
    if (isDeath(move)) {
      this.#moves.push(move);
      run.make(move);
    } else this.#step(move);
    this.#visit(last, interruptions);
    run.undo(mark);
    this.#moves.length = length;
  }

  /** Makes one access that other threads can notice, and the accesses around it that none can. */
  #step(thread: number): void {
    const run = this.#run!;
    let isNoticed = false;
    for (;;) {
      const { next } = run.place(thread)!;
      if (next === undefined || !run.canStep(thread)) return;
      const isVisible = this.#visibility.isVisible(next);
      if (isVisible && isNoticed) return;
      isNoticed ||= isVisible;
      this.#moves.push(thread);
      this.#access(thread, next);
      if (run.place(thread)!.isBetweenCalls) return;
    }
  }

  #access(thread: number, next: Operation): void {
    const mark = this.#memory.mark;
    this.#run!.make(thread);
    if (this.#visibility.note(thread, next, this.#memory.mark !== mark)) throw new Grown();
  }

  /** The law that the current state violates, if any. */
  #failure(run: Run): string | undefined {
    if (run.failure !== undefined) return run.failure;
    const model = this.#model!;
    const mark = this.#memory.mark;
    try {
      model.always?.(run.view);
      for (let thread = 0; thread <= run.recoverer; thread++) if (run.canStep(thread)) return undefined;
      if (run.sleepers.length > 0)
        return `${run.sleepers.join(', ')}: waits, and no thread is left to wake it`;
      model.finally?.(run.view);
    } catch (error) {
      if (error instanceof LawError) return error.message;
      throw error;
    } finally {
      this.#memory.undo(mark);
    }
    return undefined;
  }
}
