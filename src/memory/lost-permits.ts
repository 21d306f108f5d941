// Permits of threads that were lost, or interrupted, in the middle of an operation. When a worker ends its
// censuses are taken at once; one that does not succeed then, because another thread is in the middle of an
// operation, is taken here.
import type { Logger } from 'pino';
import type { Block } from './block.js';
import type { Gauge } from './metrics/recorder.js';
import { permitCensus } from './permit-census.js';

const EVERY_MS = 1000;
/**
 * An operation takes less than a microsecond: a thread that was met in the middle of one so often has stopped
 * there.
 */
const WARN_AFTER = 10;

/** @returns what looks once */
export function lostPermits(block: Block, unsettled: Gauge, log: Pick<Logger, 'warn' | 'info'>): () => void {
  const settle = permitCensus(block);
  let failures = 0;
  return () => {
    const counts = settle();
    unsettled.set(counts);
    if (counts === 0) {
      if (failures >= WARN_AFTER) log.info('permits of a lost worker are released');
      failures = 0;
    } else if (++failures === WARN_AFTER) {
      log.warn(
        { counts },
        'permits of a lost worker may still count: a thread has stopped in the middle of an operation',
      );
    }
  };
}

/** @returns what ends it */
export function watchPermits(...of: Parameters<typeof lostPermits>): () => void {
  const timer = setInterval(lostPermits(...of), EVERY_MS).unref();
  return () => clearInterval(timer);
}
