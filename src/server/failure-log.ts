// Reports what fails outside of the pipeline, on both HTTP cores.
import type { Logger } from 'pino';
import { toError } from '../telemetry/to-error.js';

/** @returns logs an error. Never throws: that would end the thread, in a callback of the core. */
export function failureLog({ log }: { readonly log: Pick<Logger, 'error'> }): (error: unknown) => void {
  return (error) => {
    try {
      log.error({ err: toError(error) }, 'the HTTP core failed');
    } catch {
      // Nothing is left to report it to.
    }
  };
}
