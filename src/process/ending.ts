// How the process ends, whatever the reason: drained, told twice, given up. One way out, taken once, and all
// of it together has a bound: what is late is left behind. It is there before anything is held that has to be
// released, so that a signal ends a start as well, whatever that waits for.

import type { Logger } from 'pino';
import { Countdown } from '../countdown.js';
import { errorMessage } from '../error-text.js';
import type { Lifecycle } from './lifecycle.js';
import type { Signals } from './signals.js';

/** EX_SOFTWARE of sysexits.h: let the supervisor start us again. */
const INTERNAL_FAILURE = 70;
/** Workers that do not respond are waited for so much longer than they may take. */
const DRAIN_GRACE_MS = 1_200;
/** Everything behind the drain and its grace, but for the last moment of the process. */
const PARTS_MS = 1_200;
/** All of an end at once, but for the last moment of the process. */
const AT_ONCE_MS = 1_400;
/** What the parts get of that, at least. */
const PARTS_AT_ONCE_MS = 1_050;
/** The last moment of the process: log lines that wait, listeners of `exit`, what Node.js waits for. */
const LAST_MOMENT_MS = 450;

/** What serves. */
export interface Serving {
  /** First half of an orderly stop: finish what is in hand. */
  drain(): Promise<void>;
  /** Milliseconds that `drain` may take; soon after that it is not waited for. */
  readonly drainWithinMs: number;
  /** Whatever is still running and should not, for the log. */
  unfinished(): readonly object[];
  /** Makes workers leave now. */
  leaveNow(): Promise<void>;
  /** SIGHUP away from a terminal. */
  reload(): void;
}

/** Until something serves. */
const NOTHING: Serving = {
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
   * Ends the process with this code, whatever its threads do.
   * @param isStuck some part of it has failed, or not come to an end
   * @param countdown what is left of the whole end
   */
  exit(code: number, isStuck: boolean, countdown: Pick<Countdown, 'leftMs'>): Promise<never>;
}

export class Ending {
  readonly #options: EndingOptions;
  #serving = NOTHING;
  #exitCode: number | undefined;
  /** Of the drain and of the parts. */
  #countdown: Countdown | undefined;
  /** The same and the last moment of the process. */
  #whole: Countdown | undefined;

  /** From here on signals and failures end the process in order. */
  constructor(options: EndingOptions) {
    this.#options = options;
    // A fault of ours, not of a service: those run in workers. What is left of us cannot be trusted.
    const failed = (error: unknown): void => {
      options.log.fatal({ err: error }, 'internal failure of the primary');
      const reason = errorMessage(error);
      void this.fail(`internal failure: ${reason}`, INTERNAL_FAILURE);
    };
    process.on('uncaughtException', failed);
    process.on('unhandledRejection', failed);
    options.signals.handle({
      stop: (signal) => void this.#drain(signal, 0),
      stopNow: (signal) => void this.#end(`second ${signal}: stopping at once`, 1),
      reload: () => this.#serving.reload(),
    });
  }

  get hasBegun(): boolean {
    return this.#exitCode !== undefined;
  }

  /** From here on there is something to be drained. */
  setServing(serving: Serving): void {
    this.#serving = serving;
  }

  /**
   * The process cannot go on: one line on stderr, everything stopped, this exit code. An end that has begun
   * in order goes on, and has this exit code.
   */
  async fail(message: string, exitCode: number): Promise<void> {
    if (this.#announce(message, exitCode)) await this.#end(message, exitCode);
  }

  /** The process cannot go on for long: like `fail`, but what is in hand is finished first. */
  async failAfterDrain(message: string): Promise<void> {
    if (this.#announce(message, INTERNAL_FAILURE)) await this.#drain(message, INTERNAL_FAILURE);
  }

  /** @returns whether the failure is to end the process: it has not begun to end */
  #announce(message: string, exitCode: number): boolean {
    const hasBegun = this.hasBegun;
    // It is announced once what the process ends with.
    if (hasBegun && this.#exitCode !== 0) return false;
    process.stderr.write(`multilane: ${message}\n`);
    if (hasBegun) this.#options.log.error({ exitCode }, message);
    this.#failed(exitCode);
    return !hasBegun;
  }

  async #drain(reason: string, exitCode: number): Promise<void> {
    if (this.hasBegun) return;
    this.#exitCode = exitCode;
    const { log } = this.#options;
    const { drainWithinMs } = this.#serving;
    log.info({ reason, exitCode }, 'draining');
    const countdown = this.#within(drainWithinMs + DRAIN_GRACE_MS + PARTS_MS);
    if (!(await this.#ends(() => this.#serving.drain(), countdown, PARTS_MS))) this.#failed();
    await this.#leave(countdown);
  }

  async #end(message: string, exitCode: number): Promise<void> {
    this.#exitCode = exitCode;
    this.#options.log.warn({ exitCode }, message);
    const countdown = this.#within(AT_ONCE_MS);
    await this.#ends(() => this.#serving.leaveNow(), countdown, PARTS_AT_ONCE_MS);
    await this.#leave(countdown);
  }

  /** One for the whole end: whoever wants to be quicker cuts short what is under way. */
  #within(ms: number): Countdown {
    this.#whole ??= new Countdown(ms + LAST_MOMENT_MS);
    this.#whole.shorten(ms + LAST_MOMENT_MS);
    this.#countdown ??= new Countdown(ms);
    this.#countdown.shorten(ms);
    return this.#countdown;
  }

  /** @returns false when the work fails, or takes too long: then it is left behind */
  async #ends(work: () => Promise<void>, countdown: Countdown, reserveMs: number): Promise<boolean> {
    const { log } = this.#options;
    try {
      if (await countdown.ends(work(), { reserveMs })) return true;
      log.error({ unfinished: this.#serving.unfinished() }, 'not finished in time: stopping without it');
    } catch (err) {
      log.error({ err }, 'finishing failed: stopping without it');
    }
    return false;
  }

  async #leave(countdown: Countdown): Promise<void> {
    const { lifecycle, log } = this.#options;
    const haveEnded = await lifecycle.stop(log, countdown);
    const isStuck = !haveEnded || this.#serving.unfinished().length > 0;
    if (isStuck) this.#failed();
    // A second signal may have decided otherwise meanwhile.
    await this.#options.exit(this.#exitCode!, isStuck, this.#whole!);
  }

  /** An end that was to be orderly is not. */
  #failed(exitCode = INTERNAL_FAILURE): void {
    if (this.#exitCode === 0) this.#exitCode = exitCode;
  }
}
