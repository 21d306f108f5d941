// What the outside world may say to the process, and what it means (CONTRACT section 2).
import { exitProcess, isBusy } from './process-exit.js';

/** npm and a terminal deliver one Ctrl-C more than once; only a later signal means "now". */
const SECOND_SIGNAL_AFTER_MS = 1_000;

export interface SignalHandlers {
  /** Drain and stop. */
  stop(signal: string): void;
  /** A second signal: stop at once. */
  stopNow(signal: string): void;
  /** SIGHUP away from a terminal. */
  reload(): void;
}

export class Signals {
  #handlers: SignalHandlers | undefined;
  #firstAt: number | undefined;
  /** The first that came before somebody handled it. */
  #early: string | undefined;
  #holds = false;

  /** Listens from here on. Until something is held, a signal to stop ends the process: nothing runs yet. */
  constructor(stdinIsTerminal: boolean) {
    process.on('SIGTERM', (signal) => this.#stop(signal));
    process.on('SIGINT', (signal) => this.#stop(signal));
    process.on('SIGHUP', (signal) => (stdinIsTerminal ? this.#stop(signal) : this.#handlers?.reload()));
  }

  /**
   * What is held from here on has to be let go: a signal waits until it is handled. Never resolves when one
   * has come before and the process ends.
   */
  hold(): Promise<void> {
    if (this.#early !== undefined && !this.#holds) return new Promise(() => undefined);
    this.#holds = true;
    return Promise.resolve();
  }

  handle(handlers: SignalHandlers): void {
    this.#handlers = handlers;
    const early = this.#early;
    if (early !== undefined) setImmediate(() => this.#stop(early)); // whoever handles it is being made
    // pm2 on platforms without signals, and `pm2 reload`. Not earlier: who listens holds the process, and
    // until then messages wait in the channel.
    process.on('message', (message) => {
      if (message === 'shutdown') this.#stop('shutdown');
    });
  }

  #stop(signal: string): void {
    if (this.#handlers === undefined) {
      this.#early ??= signal;
      if (this.#holds) return;
      if (!isBusy()) process.exit(0);
      void exitProcess(0, true);
      return;
    }
    const now = performance.now();
    if (this.#firstAt === undefined) {
      this.#firstAt = now;
      this.#handlers.stop(signal);
      if (signal === 'SIGINT' && process.stderr.isTTY) setTimeout(explain, SECOND_SIGNAL_AFTER_MS).unref();
    } else if (now - this.#firstAt >= SECOND_SIGNAL_AFTER_MS) this.#handlers.stopNow(signal);
  }
}

/** Written when a second signal begins to count. */
function explain(): void {
  process.stderr.write('multilane: still draining open connections; press Ctrl-C again to stop at once\n');
}
