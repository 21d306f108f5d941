// CPU time and requests of a running process, read from its admin plane before and after a measurement.
import type { AdminClient } from './admin-client.js';
import { CommandFailure } from './command-failure.js';

export interface CpuReading {
  /** CPU time of the process since its start. */
  readonly seconds: number;
  /** Requests since its start. */
  readonly requests: number;
}

/** @returns undefined where no admin plane can be read */
export async function readCpu(plane: AdminClient): Promise<CpuReading | undefined> {
  try {
    const page = await plane.getText('/metrics');
    const seconds = /^process_cpu_seconds_total (\S+)/m.exec(page)?.[1];
    const { request_count: requests } = await plane.get('/metrics.json', 'totals');
    return seconds === undefined ? undefined : { seconds: Number(seconds), requests };
  } catch (error) {
    if (error instanceof CommandFailure) return undefined;
    throw error;
  }
}

/**
 * Microseconds of CPU time for each request between two readings; undefined when the process has not served
 * the requests that were sent, so that it is another one than the URL leads to.
 * @param sent number of requests that were responded to
 */
export function cpuPerRequest(before: CpuReading, after: CpuReading, sent: number): number | undefined {
  const served = after.requests - before.requests;
  if (sent === 0 || served < sent * 0.9) return undefined;
  return ((after.seconds - before.seconds) / served) * 1e6;
}
