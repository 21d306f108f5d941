// The flight record on disk, as the primary keeps it: see src/flight-record.
import { FlightRecord } from '../flight-record/flight-record.js';
import type { BootState } from './boot-state.js';
import type { Base } from './steps/open-shared-memory.js';

/** Longest wait for the disk at the end of the process. */
const CLOSE_MS = 500;

/** Reports requests of earlier processes that were killed, and records those of this one. */
export function keepFlightRecord(
  { every, lifecycle }: BootState,
  { settings, sharedState, log, output }: Base,
): void {
  const skipped = sharedState.recorder.counter('multilane_samples_skipped_total', {
    sampler: 'flight_record',
  });
  const record = new FlightRecord({
    dataDir: settings.dataDir,
    memory: sharedState,
    every,
    log,
    written: () => output.written(),
    skipped: () => skipped.add(),
  });
  // A disk that hangs must not turn an orderly end into a failure.
  lifecycle.deferBrief('flight record', () => record.close(), CLOSE_MS);
}
