// The state of a start of the process: how far it has come, what it shares with a predecessor, what has been
// started so far, and whether the process is already ending.
import type { Logger } from 'pino';
import type { EarlyThreads } from '../cluster/early-threads.js';
import { errorMessage } from '../error-text.js';
import { ConfigError, StartError } from '../errors.js';
import { GroupedInterval } from '../grouped-interval.js';
import type { Claim, Sharing } from '../process/claim.js';
import type { Ending } from '../process/ending.js';
import { Lifecycle } from '../process/lifecycle.js';
import { startFailure } from '../process/start-failure.js';
import { ProcessWatch } from '../telemetry/process-watch.js';
import type { ProjectListeners } from '../user-code/project-listeners.js';

/** A start goes through these in order, and never back. */
type Progress =
  /** The process holds nothing that another one may wait for. A failure is thrown to the caller. */
  | { readonly kind: 'unguarded' }
  /** A signal or a failure ends the process in order. */
  | { readonly kind: 'guarded'; readonly ending: Ending }
  /** The process owns its DATA_DIR or its slot of pm2, alone or together with a predecessor. */
  | { readonly kind: 'claimed'; readonly ending: Ending; readonly sharing: Sharing };

/** Thrown to leave a start because the process is ending. */
class StartInterrupted extends Error {
  constructor() {
    super('the process ends before it is ready');
  }
}

export class BootState {
  /** What was started, in order; each part is stopped in the reverse order. */
  readonly lifecycle = new Lifecycle();
  /** Runs what the primary does many times a second. */
  readonly every = new GroupedInterval().every;
  readonly processWatch = new ProcessWatch(this.every);
  /** The first threads of workers, which load their code already. */
  readonly earlyThreads: EarlyThreads;
  readonly projectListeners: ProjectListeners;
  #progress: Progress = { kind: 'unguarded' };

  constructor(earlyThreads: EarlyThreads, projectListeners: ProjectListeners) {
    this.earlyThreads = earlyThreads;
    this.projectListeners = projectListeners;
    this.lifecycle.defer('process watch', () => this.processWatch.stop());
    this.lifecycle.defer('threads without a worker', () => earlyThreads.end());
  }

  guardedBy(ending: Ending): void {
    this.#progress = { kind: 'guarded', ending };
  }

  claimed({ sharing }: Claim): void {
    this.#progress = { kind: 'claimed', ending: this.ending, sharing };
  }

  get ending(): Ending {
    const progress = this.#progress;
    if (progress.kind === 'unguarded') throw new Error('the start is not guarded yet');
    return progress.ending;
  }

  get sharing(): Sharing {
    const progress = this.#progress;
    if (progress.kind !== 'claimed') throw new Error('nothing is claimed yet');
    return progress.sharing;
  }

  /** A predecessor in the same slot of pm2 still serves. It serves alone until this process is ready. */
  get isBesidePredecessor(): boolean {
    return this.sharing === 'beside';
  }

  get isEnding(): boolean {
    return this.#progress.kind !== 'unguarded' && this.#progress.ending.hasBegun;
  }

  /** Leaves the start where a signal or a failure is ending the process. */
  continueUnlessEnding(): void {
    if (this.isEnding) throw new StartInterrupted();
  }

  /**
   * Ends the process because a step has failed. A StartError or ConfigError brings its own exit code; any
   * other error is unexpected: it is logged as `unexpected`, and the process exits with `exitCode`.
   */
  async failStep(error: unknown, log: Logger, unexpected: string, exitCode: number): Promise<never> {
    const isExpected = error instanceof StartError || error instanceof ConfigError;
    if (!isExpected) log.error({ err: error }, unexpected);
    await this.ending.fail(errorMessage(error), isExpected ? error.exitCode : exitCode);
    throw new StartInterrupted();
  }

  /**
   * Ends what a failed start has begun.
   * @throws the error itself, where the process is not guarded yet
   */
  async failed(error: unknown): Promise<void> {
    if (this.#progress.kind === 'unguarded') {
      await this.lifecycle.stop(undefined);
      throw error;
    }
    // A step that fails because the process is ending is no failure of its own.
    if (this.isEnding) return;
    const { message, exitCode } = startFailure(error);
    await this.ending.fail(message, exitCode);
  }
}
