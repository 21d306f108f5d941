// What the outside world may say to the process, and what it means (CONTRACT section 2).
import { exitProcess } from './process-exit.js';

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

/**
 * A signal to stop has no listener until there is something to stop in order. Until then it ends the process
 * as it ends any other: also while code of the project keeps the thread, where a listener would never be
 * called. Process 1 of a container listens from the start, because the kernel spares it otherwise.
 */
export class Signals {
  readonly #stopping: readonly NodeJS.Signals[];
  #handlers: SignalHandlers | undefined;
  #listens = false;
  #firstAt: number | undefined;
  /** The first that came before it was handled. */
  #early: string | undefined;

  constructor(stdinIsTerminal: boolean, isProcess1 = process.pid === 1) {
    this.#stopping = stdinIsTerminal ? ['SIGTERM', 'SIGINT', 'SIGHUP'] : ['SIGTERM', 'SIGINT'];
    if (!stdinIsTerminal) process.on('SIGHUP', () => this.#handlers?.reload());
    if (isProcess1) this.#listen();
  }

  handle(handlers: SignalHandlers): void {
    this.#handlers = handlers;
    this.#listen();
    if (this.#early !== undefined) this.#stop(this.#early);
    // pm2 on platforms without signals, and `pm2 reload`. Not earlier: who listens holds the process, and
    // until then messages wait in the channel.
    process.on('message', (message) => {
      if (message === 'shutdown') this.#stop('shutdown');
    });
  }

  #listen(): void {
    if (this.#listens) return;
    this.#listens = true;
    for (const one of this.#stopping) process.on(one, (signal) => this.#stop(signal));
  }

  #stop(signal: string): void {
    if (this.#handlers === undefined) {
      this.#early ??= signal;
      void exitProcess(0, false);
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
