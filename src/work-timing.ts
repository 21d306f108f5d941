// Where the time of one piece of work goes. `db`, `call` and `cpu` report their waits to the timing of the
// running scope, if it has one (SLOW_REQUEST_MS).

/** What work waits for. Reported in this order of precedence when it waits for several things at once. */
export const WAITS = ['body', 'db', 'calls', 'cpu'] as const;
export type Wait = (typeof WAITS)[number];

export interface WorkTiming {
  /** Call when a wait begins; several may overlap. Each `began` is followed by at most one `ended`. */
  began(wait: Wait): void;
  ended(wait: Wait): void;
}
