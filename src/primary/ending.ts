// How the process ends, whatever the reason: drained, told twice, given up. One way out, taken once, and all of it
// together has a bound: what is late is left behind.
import type { Logger } from 'pino';
import type { Signals } from '../cluster/signals.js';
import { Countdown } from '../countdown.js';
import type { Lifecycle } from './lifecycle.js';

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

export interface EndingOptions {
  readonly signals: Pick<Signals, 'handle'>;
  readonly lifecycle: Pick<Lifecycle, 'stop'>;
  readonly log: Logger;
  /** First half of an orderly stop: finish what is in hand. */
  drain(): Promise<void>;
  /** Milliseconds that `drain` may take; soon after that it is not waited for. */
  readonly drainWithinMs: number;
  /** Whatever is still running and should not, for the log. */
  unfinished(): readonly object[];
  /**
   * Ends the process with this code, whatever its threads do.
   * @param isStuck some part of it has failed, or not come to an end
   */
  exit(code: number, isStuck: boolean): Promise<never>;
  /** Makes workers leave now. */
  leaveNow(): Promise<void>;
  /** SIGHUP away from a terminal. */
  reload(): void;
}

export class Ending {
  readonly #options: EndingOptions;
  #exitCode: number | undefined;
  #countdown: Countdown | undefined;

  constructor(options: EndingOptions) {
    this.#options = options;
    options.signals.handle({
      stop: (signal) => void this.#drain(signal, 0),
      stopNow: (signal) => void this.#end(`second ${signal}: stopping at once`, 1),
      reload: () => options.reload(),
    });
    // A fault of ours, not of a service: those run in workers. What is left of us cannot be trusted.
    const failed = (error: unknown): void => {
      options.log.fatal({ err: error }, 'internal failure of the primary');
      this.#failed();
      const reason = error instanceof Error ? error.message : String(error);
      void this.fail(`internal failure: ${reason}`, INTERNAL_FAILURE);
    };
    process.on('uncaughtException', failed);
    process.on('unhandledRejection', failed);
  }

  get begun(): boolean {
    return this.#exitCode !== undefined;
  }

  /** The process cannot go on: one line on stderr, everything stopped, this exit code. */
  async fail(message: string, exitCode: number): Promise<void> {
    if (this.begun) return;
    process.stderr.write(`multilane: ${message}\n`);
    await this.#end(message, exitCode);
  }

  /** The process cannot go on for long: like `fail`, but what is in hand is finished first. */
  async giveUp(message: string): Promise<void> {
    if (this.begun) return;
    process.stderr.write(`multilane: ${message}\n`);
    await this.#drain(message, INTERNAL_FAILURE);
  }

  async #drain(reason: string, exitCode: number): Promise<void> {
    if (this.begun) return;
    this.#exitCode = exitCode;
    const { drainWithinMs, log } = this.#options;
    log.info({ reason, exitCode }, 'draining');
    const countdown = this.#within(drainWithinMs + DRAIN_GRACE_MS + PARTS_MS);
    if (!(await this.#ends(() => this.#options.drain(), countdown, PARTS_MS))) this.#failed();
    await this.#leave(countdown);
  }

  async #end(message: string, exitCode: number): Promise<void> {
    this.#exitCode = exitCode;
    this.#options.log.warn({ exitCode }, message);
    const countdown = this.#within(AT_ONCE_MS);
    await this.#ends(() => this.#options.leaveNow(), countdown, PARTS_AT_ONCE_MS);
    await this.#leave(countdown);
  }

  /** One for the whole end: whoever wants to be quicker cuts short what is under way. */
  #within(ms: number): Countdown {
    this.#countdown ??= new Countdown(ms);
    this.#countdown.shorten(ms);
    return this.#countdown;
  }

  /** @returns false when the work fails, or takes too long: then it is left behind */
  async #ends(work: () => Promise<void>, countdown: Countdown, reserveMs: number): Promise<boolean> {
    const { log } = this.#options;
    try {
      if (await countdown.ends(work(), { reserveMs })) return true;
      log.error({ unfinished: this.#options.unfinished() }, 'not finished in time: stopping without it');
    } catch (err) {
      log.error({ err }, 'finishing failed: stopping without it');
    }
    return false;
  }

  async #leave(countdown: Countdown): Promise<void> {
    const { lifecycle, log } = this.#options;
    const haveEnded = await lifecycle.stop(log, countdown);
    const isStuck = !haveEnded || this.#options.unfinished().length > 0;
    if (isStuck) this.#failed();
    // A second signal may have decided otherwise meanwhile.
    await this.#options.exit(this.#exitCode!, isStuck);
  }

  /** An end that was to be orderly is not. */
  #failed(): void {
    if (this.#exitCode === 0) this.#exitCode = INTERNAL_FAILURE;
  }
}
