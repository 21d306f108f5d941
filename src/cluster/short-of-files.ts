// Threads that fail to start because the process can open few files.
import type { SupervisorOptions } from './supervisor-options.js';

/**
 * Whether a thread that never served may have failed because the process cannot open the files of its
 * modules. Logs that.
 * @param servedMs milliseconds for which the thread has served
 */
export function isWithoutFiles(
  servedMs: number,
  { isShortOfFiles, log }: Pick<SupervisorOptions, 'isShortOfFiles' | 'log'>,
): boolean {
  if (servedMs > 0 || isShortOfFiles?.() !== true) return false;
  log.error(
    'the process is short of file descriptors, so threads of workers cannot start: raise the limit (ulimit -n, ' +
      'LimitNOFILE=) or lower MAX_CONNECTIONS',
  );
  return true;
}
