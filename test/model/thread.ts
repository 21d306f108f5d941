// One thread of a model, as an automaton that is explored step by step. Plain synchronous code cannot be
// stopped in the middle, so it is run again from the beginning of its call: it gets the values that it has
// read before, and an exception stops it at the first access after that. A point where it has been stopped is
// a `Place`; the result of the access there leads to the next one. So code runs once for each different past
// of a call, however many schedules lead to it.
import { ModelError, type Self } from './model.js';
import { isSame, NOTHING, type Operation, type Result } from './operations.js';
import type { SteppedAtomics } from './stepped-atomics.js';

/** The number of accesses of one call after which it counts as endless. */
const MOST_ACCESSES = 400;

/** One error for all stops, since making an error takes longer than everything else. */
const STOPPED = new Error('the thread has been stopped');

export interface Place {
  /** A number that is unique among all places of all threads. */
  readonly id: number;
  /** The number of the call; the number of calls at the end of the thread. */
  readonly call: number;
  /** The next access of the thread; undefined at its end. */
  readonly next: Operation | undefined;
  /** Whether nothing of the call has happened yet. */
  readonly isBetweenCalls: boolean;
  readonly self: Self;
  /** The reason why the thread cannot continue. */
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

  /** @param result the result of the access at this place */
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

  /** Runs the call with the values that it has read before, up to the next access or its end. */
  #run(past: Past): Place {
    const { call, before, results, operations } = past;
    if (results.length > MOST_ACCESSES) {
      return this.#place(past, undefined, before, `goes on for more than ${MOST_ACCESSES} accesses`);
    }
    const self = { ...before };
    let count = 0;
    // A promise may have swallowed the exception that stops the call, so the first one counts.
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
    // A call without any access is a step as well.
    const isSilent = results.length === 0;
    return isSilent ? this.#place(past, NOTHING, self) : this.#betweenCalls(call + 1, self);
  }
}
