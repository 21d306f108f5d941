// One run of a model: the position of each thread, and the shared memory. A move can be made and
// undone.
import type { AnyModel, Self, View } from './model.js';
import type { ModelMemory } from './model-memory.js';
import type { Operation, Result } from './operations.js';
import { isDeath, type Move, threadOf } from './schedule.js';
import type { SteppedAtomics } from './stepped-atomics.js';
import { ModelThread, type Place } from './thread.js';

const NOBODY = -1;

/** The data to undo moves of a run. */
export interface Mark {
  readonly memory: number;
  readonly places: readonly (Place | undefined)[];
  readonly sleeping: readonly number[];
  readonly dead: number;
}

export class Run {
  readonly threads: readonly ModelThread[];
  readonly #model: AnyModel;
  readonly #memory: ModelMemory;
  readonly #atomics: SteppedAtomics;
  /** The calls of the primary, by the dead thread. */
  readonly #recoveries = new Map<number, ModelThread>();
  /** The threads, and last the primary, which is undefined until it has something to recover. */
  #places: (Place | undefined)[];
  /** The address at which each thread waits; -1 when it does not wait. */
  #sleeping: number[];
  #dead = NOBODY;

  constructor(model: AnyModel, memory: ModelMemory, atomics: SteppedAtomics) {
    this.#model = model;
    this.#memory = memory;
    this.#atomics = atomics;
    this.threads = model.threads.map(({ name, self, calls }) => new ModelThread(name, self, calls, atomics));
    this.#places = [...this.threads.map(({ first }) => first), undefined];
    this.#sleeping = this.#places.map(() => NOBODY);
  }

  /** The number of the primary. */
  get recoverer(): number {
    return this.threads.length;
  }

  get hasDeath(): boolean {
    return this.#dead !== NOBODY;
  }

  place(thread: number): Place | undefined {
    return this.#places[thread];
  }

  nameOf(thread: number): string {
    const place = this.#places[thread];
    if (thread < this.recoverer) return place === undefined ? '' : this.threads[thread]!.nameOf(place);
    return place === undefined ? 'primary' : this.#thread(thread).nameOf(place);
  }

  canStep(thread: number): boolean {
    return thread !== this.#dead && !this.#sleeps(thread) && this.#places[thread]?.next !== undefined;
  }

  canDie(thread: number): boolean {
    if (this.hasDeath || thread === this.recoverer) return false;
    return this.#model.threads[thread]!.mayDie ?? this.#model.recovery !== undefined;
  }

  mark(): Mark {
    return {
      memory: this.#memory.mark,
      places: this.#places,
      sleeping: this.#sleeping,
      dead: this.#dead,
    };
  }

  undo({ memory, places, sleeping, dead }: Mark): void {
    this.#memory.undo(memory);
    this.#places = places as (Place | undefined)[];
    this.#sleeping = sleeping as number[];
    this.#dead = dead;
  }

  /** Makes one access, or a death. @returns the result of the access */
  make(move: Move): Result {
    const thread = threadOf(move);
    if (isDeath(move)) {
      this.#die(thread);
      return 0;
    }
    const place = this.#places[thread]!;
    const result = this.#perform(thread, place.next!);
    this.#places = this.#places.with(thread, this.#thread(thread).follow(place, result));
    return result;
  }

  /**
   * The state of a run as text, the same for runs with the same continuations: numbers as characters, since
   * millions compared.
   * @param last one more number of the state
   */
  keyWith(last: number): string {
    const codes = [this.#dead + 1, last + 1];
    for (const place of this.#places) {
      const id = place === undefined ? 0 : place.id + 1;
      codes.push(id & 0xffff, id >>> 16);
    }
    for (const address of this.#sleeping) codes.push(address & 0xffff, address >>> 16);
    this.#memory.addContents(codes);
    return String.fromCharCode(...codes);
  }

  /** A thread that cannot continue though it should. */
  get failure(): string | undefined {
    for (const [thread, place] of this.#places.entries()) {
      if (place?.failure !== undefined) return `${this.nameOf(thread)} ${place.failure}`;
    }
    return undefined;
  }

  /** Threads that wait to be woken and must not wait for ever. */
  get sleepers(): readonly string[] {
    const mustWake = (thread: number): boolean => this.#model.threads[thread]?.mayWait !== true;
    return this.#asleep.filter(mustWake).map((thread) => this.nameOf(thread));
  }

  get view(): View<Self> {
    const selves = this.threads.map((_, thread) => this.#places[thread]!.self);
    return {
      selves,
      living: selves.filter((_, thread) => thread !== this.#dead),
      dead: this.hasDeath ? this.#dead : undefined,
      asleep: this.#asleep,
    };
  }

  get #asleep(): number[] {
    return [...this.#sleeping.keys()].filter((thread) => thread !== this.#dead && this.#sleeps(thread));
  }

  /**
   * Wakes a thread. The promise that it awaits resolves, and the call that began the wait continues to its
   * end.
   */
  #sleeps(thread: number): boolean {
    const place = this.#places[thread];
    return this.#sleeping[thread] !== NOBODY && place!.isBetweenCalls && place!.self.waits === 1;
  }

  #thread(thread: number): ModelThread {
    return thread < this.recoverer ? this.threads[thread]! : this.#recoveries.get(this.#dead)!;
  }

  #die(thread: number): void {
    this.#dead = thread;
    const { recovery } = this.#model;
    if (recovery === undefined) return;
    let primary = this.#recoveries.get(thread);
    if (primary === undefined) {
      primary = new ModelThread('primary', {}, recovery(thread), this.#atomics);
      this.#recoveries.set(thread, primary);
    }
    this.#places = this.#places.with(this.recoverer, primary.first);
  }

  #perform(thread: number, operation: Operation): Result {
    const { kind, address, values } = operation;
    if (kind === 'waitAsync') {
      if (this.#memory.word(address) !== values[0]) return 'not-equal';
      this.#sleeping = this.#sleeping.with(thread, address);
      return 'waits';
    }
    if (kind !== 'notify') return this.#memory.perform(operation);
    let woken = 0;
    this.#sleeping = this.#sleeping.map((at) => {
      if (at !== address || woken >= Number(values[0])) return at;
      woken++;
      return NOBODY;
    });
    return woken;
  }
}
