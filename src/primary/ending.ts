// How the process ends, whatever the reason: drained, told twice, given up. One way out, taken once.
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Signals } from '../cluster/signals.js';
import type { Lifecycle } from './lifecycle.js';

/** EX_SOFTWARE of sysexits.h: let the supervisor start us again. */
const INTERNAL_FAILURE = 70;
/** How long workers that are told to leave at once may take. */
const AT_ONCE_MS = 2_000;

export interface EndingOptions {
  readonly signals: Signals;
  readonly lifecycle: Lifecycle;
  readonly log: Logger;
  /** First half of an orderly stop: finish what is in hand. */
  drain(): Promise<void>;
  /** Ends the process with this code, whatever its threads do. */
  exit(code: number): never;
  /** Makes workers leave now. */
  leaveNow(): Promise<void>;
  /** SIGHUP away from a terminal. */
  reload(): void;
}

export class Ending {
  readonly #options: EndingOptions;
  #exitCode: number | undefined;

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
    const { log, lifecycle } = this.#options;
    log.info({ reason, exitCode }, 'draining');
    await this.#options.drain();
    await lifecycle.stop(log);
    // A second signal may have decided otherwise meanwhile.
    this.#options.exit(this.#exitCode);
  }

  async #end(message: string, exitCode: number): Promise<void> {
    this.#exitCode = exitCode;
    const { log, lifecycle } = this.#options;
    log.warn({ exitCode }, message);
    await Promise.race([this.#options.leaveNow(), delay(AT_ONCE_MS)]);
    await lifecycle.stop(log);
    this.#options.exit(exitCode);
  }
}
