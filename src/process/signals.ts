// The signals and messages by which the operator, pm2 or systemd stop or reload the process.
import { exitProcess } from './process-exit.js';

/** npm and a terminal may deliver one Ctrl-C several times; only a signal that comes later means "now". */
const SECOND_SIGNAL_AFTER_MS = 1_000;

export interface SignalHandlers {
  /** First SIGTERM, SIGINT, `shutdown` of pm2, or SIGHUP of a terminal: drain and stop. */
  stop(signal: string): void;
  /** A second one: stop at once. */
  stopNow(signal: string): void;
  /** SIGHUP, unless stdin is a terminal: replace the workers. */
  reload(): void;
  /**
   * Whether a line says, after a Ctrl-C in a terminal, that requests still drain and what a second one does.
   * @default true
   */
  readonly explainsSecond?: boolean;
}

/**
 * Listens for signals in two phases. Until `handle` is called there is nothing to stop in order: SIGTERM and
 * SIGINT have no listener and end the process at once, since a listener would not even be called while code
 * of the project blocks the thread; a SIGHUP that would reload is ignored. Process 1 of a container listens
 * from the start, because the kernel does not end it by a signal without a listener, and exits at once.
 */
export class Signals {
  readonly #stopSignals: readonly NodeJS.Signals[];
  #handlers: SignalHandlers | undefined;
  #isListening = false;
  /** When the first signal was handled. */
  #firstAt: number | undefined;
  /** First signal that came before there were handlers: the process is already ending by it. */
  #early: string | undefined;

  constructor(stdinIsTerminal: boolean, isProcess1 = process.pid === 1) {
    this.#stopSignals = stdinIsTerminal ? ['SIGTERM', 'SIGINT', 'SIGHUP'] : ['SIGTERM', 'SIGINT'];
    if (!stdinIsTerminal) process.on('SIGHUP', () => this.#handlers?.reload());
    if (isProcess1) this.#listen();
  }

  /** From here on signals are handled, also one by which the process is already ending. */
  handle(handlers: SignalHandlers): void {
    this.#handlers = handlers;
    this.#listen();
    if (this.#early !== undefined) this.#stop(this.#early);
    // pm2 sends `shutdown` on platforms without signals, and for `pm2 reload`. A listener for messages keeps
    // the process alive, so it is added only here; until then messages wait in the channel.
    process.on('message', (message) => {
      if (message === 'shutdown') this.#stop('shutdown');
    });
  }

  #listen(): void {
    if (this.#isListening) return;
    this.#isListening = true;
    for (const one of this.#stopSignals) process.on(one, (signal) => this.#stop(signal));
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
      if (signal === 'SIGINT' && process.stderr.isTTY && this.#handlers.explainsSecond !== false)
        setTimeout(explainSecondSignal, SECOND_SIGNAL_AFTER_MS).unref();
    } else if (now - this.#firstAt >= SECOND_SIGNAL_AFTER_MS) this.#handlers.stopNow(signal);
  }
}

/** Written at the moment from which on a second signal counts. */
function explainSecondSignal(): void {
  process.stderr.write('multilane: still draining open connections; press Ctrl-C again to stop at once\n');
}
