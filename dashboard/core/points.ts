// The points of a chart over the last minutes.

/** One point a second, and no point that is older: five minutes. */
const POINTS = 300;
/** Points come each second. Between two that are further apart the lines of a chart are interrupted. */
const GAP_S = 5;

/** Columns of equal length; the first has the times in seconds since 1970, ascending. */
export class Points {
  readonly #columns: (number | null)[][];

  constructor(values: number) {
    this.#columns = Array.from({ length: values + 1 }, () => []);
  }

  push(at: number, ...values: readonly (number | null)[]): void {
    this.#forget(at);
    const last = this.#times.at(-1) ?? at;
    // A row without values: a chart draws no line across it.
    if (at - last > GAP_S) this.#add(last + 1, []);
    this.#add(at, values);
    while (this.#times.length > POINTS) for (const column of this.#columns) column.shift();
  }

  get columns(): readonly (readonly (number | null)[])[] {
    return this.#columns;
  }

  get #times(): readonly number[] {
    return this.#columns[0] as number[];
  }

  /** Forgets points that are too old, and those that are not before `at`: the clock was set back. */
  #forget(at: number): void {
    const times = this.#times;
    const first = times.findIndex((time) => time > at - POINTS && time < at);
    const later = times.findIndex((time) => time >= at);
    const end = later === -1 ? times.length : later;
    for (const column of this.#columns) {
      column.splice(end);
      column.splice(0, first === -1 ? end : first);
    }
  }

  #add(at: number, values: readonly (number | null)[]): void {
    for (const [index, column] of this.#columns.entries()) {
      column.push(index === 0 ? at : (values[index - 1] ?? null));
    }
  }
}
