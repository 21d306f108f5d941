// Divides long work of a thread into short turns of its event loop, by time: the same number of series takes
// ten times as long on a busy machine. Works that last at the same time share the turns: one of them goes on
// in each turn, so the turns are no longer while ten clients look than while one does.

/** The work of one turn, in milliseconds. The primary accepts connections between turns. */
const TURN_MS = 1;
/** Items between two looks at the time: some hundredths of a millisecond of work. */
const PIECE = 64;

/** Call it after each small piece of work: it gives way to other work when it returns a promise. */
export type Rest = () => Promise<void> | undefined;

/** The works that wait for a turn, in the order in which they began to wait. */
export class TurnLine {
  readonly #waiting: (() => void)[] = [];
  readonly #later: (work: () => void) => void;

  /** @param later calls a function in the next turn of the event loop */
  constructor(later: (work: () => void) => void = setImmediate) {
    this.#later = later;
  }

  /** Resolves in a later turn, in which no other work of the line goes on. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#waiting.push(resolve) === 1) this.#later(this.#goOn);
    });
  }

  readonly #goOn = (): void => {
    this.#waiting.shift()!();
    if (this.#waiting.length > 0) this.#later(this.#goOn);
  };
}

/** All paces of a thread share its event loop, so they share one line. */
const lineOfThread = new TurnLine();

/** Resolves in a later turn of the event loop, in which no other work that is divided here goes on. */
export const ownTurn = (): Promise<void> => lineOfThread.next();

export interface PaceOptions {
  /** @default that of the thread */
  readonly line?: TurnLine;
  /** Milliseconds. @default performance.now */
  readonly clock?: () => number;
}

export class Pace {
  readonly #line: TurnLine;
  readonly #clock: () => number;
  #since: number;

  constructor({ line = lineOfThread, clock = () => performance.now() }: PaceOptions = {}) {
    this.#line = line;
    this.#clock = clock;
    this.#since = clock();
  }

  /**
   * Resolves in a later turn when this one has lasted long enough. Call it after each small piece of work.
   */
  readonly rest: Rest = () => (this.#clock() - this.#since < TURN_MS ? undefined : this.#turn());

  async #turn(): Promise<void> {
    await this.#line.next();
    this.#since = this.#clock();
  }
}

/** Carries out work that yields after each small piece, in turns of the event loop. @returns its result */
export async function partsInTurns<T>(parts: Iterator<void, T>): Promise<T> {
  const { rest } = new Pace();
  for (;;) {
    const { done, value } = parts.next();
    if (done === true) return value;
    const resting = rest();
    if (resting !== undefined) await resting;
  }
}

/** Does something small with each item, in turns of the event loop. */
export async function eachInTurns<T>(items: Iterable<T>, work: (item: T) => void): Promise<void> {
  const { rest } = new Pace();
  let count = 0;
  for (const item of items) {
    if (++count % PIECE === 0) await rest();
    work(item);
  }
}
