// The primary listens in place of its workers. As long as it is to do that, it tries until it can: the port
// may be taken for a moment by a thread that has not given it up, and the process may have no file to spare.
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { StartError } from '../errors.js';
import { cannotListen, type ListenMode, type PlaceholderListener } from './placeholder-listener.js';

/** The pause between two attempts in milliseconds: it doubles. */
const PAUSE_MS = { first: 10, longest: 2_000 };
/** Attempts that fail before that is reported: after about a second. */
const UNREPORTED = 7;

export interface StandInOptions {
  readonly placeholder: PlaceholderListener;
  /** The address of the placeholder. */
  readonly host: string;
  readonly port: number;
  readonly mode: ListenMode;
  readonly log: Pick<Logger, 'info' | 'error'>;
  /** @default PAUSE_MS */
  readonly pauseMs?: typeof PAUSE_MS;
}

export class StandIn {
  readonly #options: StandInOptions;
  /** The primary is to listen; aborted when it is not any more. */
  #wanted: AbortController | undefined;

  constructor(options: StandInOptions) {
    this.#options = options;
  }

  /** Listens until `end`. Does nothing when it does already. */
  begin(): void {
    if (this.#wanted !== undefined) return;
    this.#wanted = new AbortController();
    void this.#listen(this.#wanted.signal);
  }

  /** Stops listening, or trying to: the port is free afterwards. */
  end(): void {
    this.#wanted?.abort();
    this.#wanted = undefined;
    this.#options.placeholder.stopListening();
  }

  async #listen(signal: AbortSignal): Promise<void> {
    const { log } = this.#options;
    const { first, longest } = this.#options.pauseMs ?? PAUSE_MS;
    for (let failures = 0; !signal.aborted; failures += 1) {
      const err = await this.#attempt();
      if (signal.aborted) return;
      if (err === undefined) {
        if (failures > UNREPORTED)
          log.info('the primary listens: requests get 503 NO_WORKER until a worker does');
        return;
      }
      if (failures === UNREPORTED)
        log.error({ err }, `neither a worker nor the primary listens: ${consequenceOf(err)}`);
      const pauseMs = Math.min(first * 2 ** failures, longest);
      await delay(pauseMs, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  /** @returns why the primary cannot listen; undefined when it does */
  async #attempt(): Promise<unknown> {
    const { placeholder, host, port, mode } = this.#options;
    try {
      await placeholder.listen(port, mode);
      return undefined;
    } catch (error) {
      // Anything else is about the certificate.
      if (!(error instanceof StartError)) return error;
      return cannotListen({ host, port, cause: error.cause, isOwnPort: true });
    }
  }
}

/** What becomes of new connections while neither listens. The core uws does not say why it cannot. */
function consequenceOf(err: unknown): string {
  const { code = 'EADDRINUSE' } = ((err as Error).cause ?? {}) as NodeJS.ErrnoException;
  return err instanceof StartError && code === 'EADDRINUSE'
    ? 'new connections wait where a thread still has the port, go to the program that has it, or are refused'
    : 'new connections are refused';
}
