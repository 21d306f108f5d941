// What the outside world may say to the process, and what it means (CONTRACT section 2).

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

export function listenForSignals(handlers: SignalHandlers, stdinIsTerminal: boolean): void {
  let firstAt: number | undefined;
  const stop = (signal: string): void => {
    const now = performance.now();
    if (firstAt === undefined) {
      firstAt = now;
      handlers.stop(signal);
    } else if (now - firstAt >= SECOND_SIGNAL_AFTER_MS) handlers.stopNow(signal);
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  process.on('SIGHUP', () => (stdinIsTerminal ? stop('SIGHUP') : handlers.reload()));
  // pm2 on platforms without signals, and `pm2 reload`.
  process.on('message', (message) => {
    if (message === 'shutdown') stop('shutdown');
  });
}
