// One thread of a model, as an automaton that is discovered step by step. Plain synchronous code cannot be
// stopped in the middle, so it is run again from the beginning of its call: what it has read before is given
// to it once more, and at the first access after that it is stopped by an exception. A place where it has
// been stopped is a `Place`; what the access there gives leads to the next one. So code runs once for each
// different past of a call, however many schedules lead there.
import { ModelError, type Self } from './model.js';
import { isSame, NOTHING, type Operation, type Result } from './operations.js';
import type { SteppedAtomics } from './stepped-atomics.js';

/** Accesses in one call before it is taken to go on for ever. */
const MOST_ACCESSES = 400;

/** One for all, since making an error takes longer than all the rest. */
const STOPPED = new Error('the thread has been stopped');

export interface Place {
  /** Tells it from all other places of all threads. */
  readonly id: number;
  /** Number of the call; as many as there are calls: at its end. */
  readonly call: number;
  /** What the thread does next; undefined at its end. */
  readonly next: Operation | undefined;
  /** Nothing of the call has happened yet. */
  readonly isBetweenCalls: boolean;
  readonly self: Self;
  /** Why it cannot go on. */
  readonly failure: string | undefined;
  readonly past: readonly Result[];
  readonly operations: readonly Operation[];
  readonly before: Self;
  readonly after: Map<Result, Place>;
}

let places = 0;

interface Past {
  readonly call: number;
  readonly before: Self;
  readonly results: readonly Result[];
  readonly operations: readonly Operation[];
}

export class ModelThread {
  readonly name: string;
  readonly #calls: readonly (readonly [string, (self: Self) => void])[];
  readonly #atomics: SteppedAtomics;
  readonly #between = new Map<string, Place>();
  readonly first: Place;

  constructor(
    name: string,
    self: Self,
    calls: Readonly<Record<string, (self: Self) => void>>,
    atomics: SteppedAtomics,
  ) {
    this.name = name;
    this.#calls = Object.entries(calls);
    this.#atomics = atomics;
    this.first = this.#betweenCalls(0, self);
  }

  nameOf({ call }: Place): string {
    const name = this.#calls[call]?.[0];
    return name === undefined ? this.name : `${this.name}.${name}`;
  }

  /** @param result of the access that came next at this place */
  follow(place: Place, result: Result): Place {
    let after = place.after.get(result);
    if (after === undefined) {
      after = this.#run({
        call: place.call,
        before: place.before,
        results: [...place.past, result],
        operations: [...place.operations, place.next!],
      });
      place.after.set(result, after);
    }
    return after;
  }

  #betweenCalls(call: number, self: Self): Place {
    const key = `${call} ${JSON.stringify(self)}`;
    let place = this.#between.get(key);
    if (place === undefined) {
      const past: Past = { call, before: self, results: [], operations: [] };
      place = call < this.#calls.length ? this.#run(past) : this.#place(past, undefined, self);
      this.#between.set(key, place);
    }
    return place;
  }

  #place(past: Past, next: Operation | undefined, self: Self, failure?: string): Place {
    return {
      id: places++,
      call: past.call,
      next,
      isBetweenCalls: past.results.length === 0,
      self: past.results.length === 0 ? past.before : self,
      failure,
      past: past.results,
      operations: past.operations,
      before: past.before,
      after: new Map(),
    };
  }

  /** Runs the call with what it has read before, up to the access after that or its end. */
  #run(past: Past): Place {
    const { call, before, results, operations } = past;
    if (results.length > MOST_ACCESSES) {
      return this.#place(past, undefined, before, `goes on for more than ${MOST_ACCESSES} accesses`);
    }
    const self = { ...before };
    let count = 0;
    // A promise may have swallowed the exception that stops: so the first one counts.
    let stopped: { readonly next: Operation; readonly self: Self } | undefined;
    const { sink } = this.#atomics;
    this.#atomics.sink = (operation) => {
      if (stopped === undefined && count < results.length) {
        if (!isSame(operation, operations[count]!)) {
          throw new ModelError(`${this.name}: depends on something that it has not read in shared memory`);
        }
        return results[count++]!;
      }
      stopped ??= { next: operation, self: { ...self } };
      throw STOPPED;
    };
    try {
      this.#calls[call]![1](self);
    } catch (error) {
      if (error !== STOPPED) {
        if (error instanceof ModelError || !(error instanceof Error)) throw error;
        return this.#place(past, undefined, self, `throws ${error.name}: ${error.message}`);
      }
    } finally {
      this.#atomics.sink = sink;
    }
    if (stopped !== undefined) return this.#place(past, stopped.next, stopped.self);
    // Without any access it is a step all the same.
    const isSilent = results.length === 0;
    return isSilent ? this.#place(past, NOTHING, self) : this.#betweenCalls(call + 1, self);
  }
}
