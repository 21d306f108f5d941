// Reports that no file descriptor is free. Nothing else does while no thread starts and no handler needs a
// file, and new connections are not served meanwhile: those of the core `node` are closed at once, which
// Node.js does not report.
import type { Logger } from 'pino';
import type { Every } from '../grouped-interval.js';

const LOOK_EVERY_MS = 1000;
/** A process at its limit may run out of descriptors again and again. */
const LOG_EVERY_MS = 60_000;

export interface OpenFilesWatchOptions {
  readonly every: Every;
  readonly log: Pick<Logger, 'error' | 'info'>;
  /** Whether a descriptor is free now. */
  readonly hasFree: () => boolean;
  /** Called for each look that finds none. */
  readonly exhausted: () => void;
  /** Milliseconds on a clock that does not jump. */
  readonly now?: () => number;
}

/** @returns a function that stops the watch */
export function watchOpenFiles(options: OpenFilesWatchOptions): () => void {
  const { every, log, hasFree, exhausted, now = () => performance.now() } = options;
  let loggedAt = Number.NEGATIVE_INFINITY;
  let isReported = false;
  return every(LOOK_EVERY_MS, () => {
    if (hasFree()) {
      if (isReported) log.info('file descriptors are free again');
      isReported = false;
      return;
    }
    exhausted();
    if (isReported || now() - loggedAt < LOG_EVERY_MS) return;
    isReported = true;
    loggedAt = now();
    log.error(
      'no file descriptor is free, so new connections are not served: raise the limit (ulimit -n, LimitNOFILE=), ' +
        'lower MAX_CONNECTIONS, or find what the handlers leave open (ls -l /proc/PID/fd)',
    );
  });
}
