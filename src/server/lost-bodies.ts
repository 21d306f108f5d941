// Warns of bodies that were read beside their response and not to their end. Clients can cause any number of
// them by leaving, so each worker writes one line a minute, with the number of those without a line.
import type { Logger } from 'pino';
import type { HttpError } from '../errors.js';

const MINUTE_MS = 60_000;

/** The request that a body belonged to. */
export interface LostBody {
  readonly service: string | undefined;
  readonly method: string;
  readonly route: string | undefined;
  readonly requestId: string;
}

export class LostBodies {
  readonly #log: Pick<Logger, 'warn'>;
  readonly #clock: () => number;
  /** The time from which on the next one is logged. */
  #logFrom = Number.NEGATIVE_INFINITY;
  #unlogged = 0;

  /** @param clock milliseconds */
  constructor(log: Pick<Logger, 'warn'>, clock: () => number = () => performance.now()) {
    this.#log = log;
    this.#clock = clock;
  }

  report(request: LostBody, { code, message }: HttpError): void {
    const now = this.#clock();
    if (now < this.#logFrom) {
      this.#unlogged++;
      return;
    }
    this.#logFrom = now + MINUTE_MS;
    this.#log.warn(
      { ...request, code, reason: message, unlogged: this.#unlogged },
      'a body was not read to its end, because the response was complete: await it before',
    );
    this.#unlogged = 0;
  }
}
