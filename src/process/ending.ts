// The one way in which the process ends, whatever the reason: a signal, a second signal, a failure, no worker
// that can serve. It happens once, in three steps: drain, stop the parts (lifecycle), exit (process-exit).
// Each step has a limit of time, after which the next one begins without waiting for it. An Ending exists
// before the process holds anything that has to be released, so that a signal can also end a process that is
// starting, whatever the start waits for.
import type { Logger } from 'pino';
import { Countdown } from '../countdown.js';
import { errorMessage } from '../error-text.js';
import type { Lifecycle } from './lifecycle.js';
import type { Signals } from './signals.js';

/** EX_SOFTWARE of sysexits.h: the supervisor should start the process again. */
const INTERNAL_FAILURE = 70;
/** Time by which the drain may exceed its limit, for workers that do not respond. */
const DRAIN_GRACE_MS = 1_200;
/** Time for stopping the parts after the drain and its grace. */
const PARTS_MS = 1_200;
/** Time for an end at once, which does not drain: workers leave and parts stop. The exit has its own time. */
const AT_ONCE_MS = 1_400;
/** The part of AT_ONCE_MS that is reserved for stopping the parts. */
const PARTS_AT_ONCE_MS = 1_050;
/** Time for the exit itself: the last log lines, listeners of `exit`, and what Node.js waits for. */
const EXIT_MS = 450;
/**
 * The same after a failure, which no operator waits for: on a busy machine, threads that are starting need
 * longer to come to rest. A second signal shortens it.
 */
const FAILED_EXIT_MS = 1_600;

/** What the process does once it serves, as far as its end has to know. */
export interface Serving {
  /** Finishes the requests that are under way; the first half of an orderly stop. */
  drain(): Promise<void>;
  /** Milliseconds that `drain` may take; the end waits only a little longer. */
  readonly drainWithinMs: number;
  /** Everything that still runs and should not, for the log. */
  unfinished(): readonly object[];
  /** Makes the workers leave at once. */
  leaveNow(): Promise<void>;
  /** Replaces the workers, on SIGHUP. */
  reload(): void;
}

/** Stands for `Serving` until the process serves. */
const NOT_SERVING: Serving = {
  drain: () => Promise.resolve(),
  drainWithinMs: 0,
  unfinished: () => [],
  leaveNow: () => Promise.resolve(),
  reload: () => undefined,
};

export interface EndingOptions {
  readonly signals: Pick<Signals, 'handle'>;
  readonly lifecycle: Pick<Lifecycle, 'stop'>;
  readonly log: Logger;
  /**
   * Whether the log and standard error are on one terminal, where a failure is written once, without a line
   * of the log.
   * @default false
   */
  readonly isLogBesideStderr?: boolean;
  /**
   * Exits with this code, whatever the threads of the process do.
   * @param isStuck a part has failed to stop, or still runs
   * @param countdown time that is left of the whole end
   */
  exit(code: number, isStuck: boolean, countdown: Pick<Countdown, 'leftMs'>): Promise<never>;
}

export class Ending {
  readonly #options: EndingOptions;
  #serving = NOT_SERVING;
  /** Set as soon as the process has begun to end. */
  #exitCode: number | undefined;
  /** The time that is left for the drain and the parts. */
  #countdown: Countdown | undefined;
  /** The time that is left for the drain, the parts and the exit. */
  #whole: Countdown | undefined;

  /** From here on signals and uncaught errors end the process in order. */
  constructor(options: EndingOptions) {
    this.#options = options;
    // Such an error is a fault of Multilane, since services run in workers. The primary cannot go on after
    // it.
    const failed = (error: unknown): void => {
      options.log.fatal({ err: error }, 'internal failure of the primary');
      const reason = errorMessage(error);
      void this.fail(`internal failure: ${reason}`, INTERNAL_FAILURE);
    };
    process.on('uncaughtException', failed);
    process.on('unhandledRejection', failed);
    options.signals.handle({
      stop: (signal) => void this.#drain(signal, 0),
      stopNow: (signal) => {
        options.log.warn({ exitCode: 1 }, `second ${signal}: stopping at once`);
        void this.#endAtOnce(1);
      },
      reload: () => this.#serving.reload(),
    });
  }

  /** Whether the process has begun to end. */
  get hasBegun(): boolean {
    return this.#exitCode !== undefined;
  }

  /** From here on there is something to drain. */
  setServing(serving: Serving): void {
    this.#serving = serving;
  }

  /**
   * Ends the process at once because it cannot go on: one line on stderr, all parts stopped, this exit code.
   * If an orderly end has begun already, that goes on, with this exit code.
   */
  async fail(message: string, exitCode: number): Promise<void> {
    if (!this.#announce(message, exitCode)) return;
    if (!this.#isLogBesideStderr) this.#options.log.warn({ exitCode }, message);
    await this.#endAtOnce(exitCode, FAILED_EXIT_MS);
  }

  /** Does the same as `fail`, with exit code 70, but finishes the requests that are under way first. */
  async failAfterDrain(message: string): Promise<void> {
    if (this.#announce(message, INTERNAL_FAILURE)) await this.#drain(message, INTERNAL_FAILURE);
  }

  /**
   * Writes the failure to stderr, unless an earlier one was written.
   * @returns whether this failure has to end the process: no end has begun yet
   */
  #announce(message: string, exitCode: number): boolean {
    const hasBegun = this.hasBegun;
    if (hasBegun && this.#exitCode !== 0) return false;
    process.stderr.write(`multilane: ${message}\n`);
    if (hasBegun && !this.#isLogBesideStderr) this.#options.log.error({ exitCode }, message);
    this.#replaceOrderlyCode(exitCode);
    return !hasBegun;
  }

  get #isLogBesideStderr(): boolean {
    return this.#options.isLogBesideStderr === true;
  }

  async #drain(reason: string, exitCode: number): Promise<void> {
    if (this.hasBegun) return;
    this.#exitCode = exitCode;
    const { log } = this.#options;
    const { drainWithinMs } = this.#serving;
    log.info({ reason, exitCode }, 'draining');
    const countdown = this.#limitTo(drainWithinMs + DRAIN_GRACE_MS + PARTS_MS);
    if (!(await this.#endsInTime(() => this.#serving.drain(), countdown, PARTS_MS, 'error')))
      this.#replaceOrderlyCode();
    await this.#leave(countdown);
  }

  async #endAtOnce(exitCode: number, exitMs = EXIT_MS): Promise<void> {
    this.#exitCode = exitCode;
    const countdown = this.#limitTo(AT_ONCE_MS, exitMs);
    // Workers that are cut because they start or are busy are no fault: the end at once was announced.
    await this.#endsInTime(() => this.#serving.leaveNow(), countdown, PARTS_AT_ONCE_MS, 'info');
    await this.#leave(countdown);
  }

  /** Limits the whole end. There is one countdown: an end at once shortens that of a drain under way. */
  #limitTo(ms: number, exitMs = EXIT_MS): Countdown {
    this.#whole ??= new Countdown(ms + exitMs);
    this.#whole.shorten(ms + exitMs);
    this.#countdown ??= new Countdown(ms);
    this.#countdown.shorten(ms);
    return this.#countdown;
  }

  /** @returns false when the work has failed or takes too long; the end then continues without it */
  async #endsInTime(
    work: () => Promise<void>,
    countdown: Countdown,
    reserveMs: number,
    level: 'info' | 'error',
  ): Promise<boolean> {
    const { log } = this.#options;
    try {
      if (await countdown.ends(work(), { reserveMs })) return true;
      log[level](
        { unfinished: this.#serving.unfinished() },
        'work was not finished in time; stopping all the same',
      );
    } catch (err) {
      log.error({ err }, 'finishing the work failed; stopping all the same');
    }
    return false;
  }

  async #leave(countdown: Countdown): Promise<void> {
    const { lifecycle, log } = this.#options;
    const haveEnded = await lifecycle.stop(log, countdown);
    const isStuck = !haveEnded || this.#serving.unfinished().length > 0;
    if (isStuck) this.#replaceOrderlyCode();
    // The code is read here, since a second signal may have changed it meanwhile.
    await this.#options.exit(this.#exitCode!, isStuck, this.#whole!);
  }

  /** Replaces the exit code if it is 0, because the end turned out not to be orderly. */
  #replaceOrderlyCode(exitCode = INTERNAL_FAILURE): void {
    if (this.#exitCode === 0) this.#exitCode = exitCode;
  }
}
