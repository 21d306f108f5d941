// Releases permits of threads that were lost, or interrupted, in the middle of an operation. When a worker
// ends, its permits are counted again at once (permit-census.ts). A count fails while another thread is in
// the middle of an operation; it is repeated here once a second until it succeeds.
import type { Logger } from 'pino';
import type { Block } from './block.js';
import type { Gauge } from './metrics/recorder.js';
import { permitCensus } from './permit-census.js';

const EVERY_MS = 1000;
/**
 * Failed counts before a warning. An operation takes less than a microsecond, so a thread that is found in
 * the middle of one this often has stopped there.
 */
const WARN_AFTER = 10;

/** @param unsettled shows the number of counts that still fail @returns a function that counts once */
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

/** Counts once a second. @returns a function that stops it */
export function watchPermits(...of: Parameters<typeof lostPermits>): () => void {
  const timer = setInterval(lostPermits(...of), EVERY_MS).unref();
  return () => clearInterval(timer);
}
