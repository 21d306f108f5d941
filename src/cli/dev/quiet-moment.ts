// Acts when a series of events has come to rest, or has lasted for a while: a file that changes all the time,
// such as a log, must not keep `dev` from looking at the others.

/** Events that follow each other faster belong together: those of an editor that saves several files. */
export const QUIET_MS = 50;
/** The longest wait of the first event of a series. */
export const MOST_WAIT_MS = 250;

export interface QuietMomentTimes {
  /** Milliseconds. @default performance.now */
  readonly clock?: () => number;
  /** Calls a function later. @default setTimeout */
  readonly after?: (work: () => void, ms: number) => NodeJS.Timeout;
}

export class QuietMoment {
  readonly #act: () => void;
  readonly #clock: () => number;
  readonly #after: (work: () => void, ms: number) => NodeJS.Timeout;
  #timer: NodeJS.Timeout | undefined;
  #since: number | undefined;

  constructor(
    act: () => void,
    { clock = () => performance.now(), after = setTimeout }: QuietMomentTimes = {},
  ) {
    this.#act = act;
    this.#clock = clock;
    this.#after = after;
  }

  event(): void {
    const now = this.#clock();
    this.#since ??= now;
    clearTimeout(this.#timer);
    const restMs = Math.max(0, this.#since + MOST_WAIT_MS - now);
    this.#timer = this.#after(this.#over, Math.min(QUIET_MS, restMs));
  }

  /** Events until now are forgotten. */
  clear(): void {
    clearTimeout(this.#timer);
    this.#since = undefined;
  }

  readonly #over = (): void => {
    this.#since = undefined;
    this.#act();
  };
}
