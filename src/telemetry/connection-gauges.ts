// Metrics of the connections that this thread has to a service's database, and of the callers that wait for
// one.
import type { Recorder } from '../memory/metrics/recorder.js';

interface Pool {
  readonly size: { readonly used: number; readonly idle: number; readonly waiting: number };
}

/**
 * @param pools all pools that this thread has for the service
 * @returns a function that publishes the current numbers; call it periodically
 */
export function connectionGauges(recorder: Recorder, service: string, pools: readonly Pool[]): () => void {
  const [used, idle] = ['used', 'idle'].map((state) =>
    recorder.gauge('db_client_connections', { state, pool: service }),
  );
  const waiting = recorder.gauge('db_client_connection_pending_requests', { pool: service });
  return () => {
    const sizes = pools.map(({ size }) => size);
    used!.set(sizes.reduce((sum, size) => sum + size.used, 0));
    idle!.set(sizes.reduce((sum, size) => sum + size.idle, 0));
    waiting.set(sizes.reduce((sum, size) => sum + size.waiting, 0));
  };
}

/**
 * Counts how long the callers of a service's database wait for a connection, in whole seconds; what is less
 * is counted with a later one.
 * @param pools all pools that this thread has for the service
 * @returns a function that counts; call it periodically
 */
export function waitCounter(
  recorder: Recorder,
  service: string,
  pools: readonly { readonly waitedMs: number }[],
): () => void {
  const counter = recorder.counter('multilane_database_wait_seconds_total', { pool: service });
  let counted = 0;
  return () => {
    const seconds = Math.floor(pools.reduce((sum, { waitedMs }) => sum + waitedMs, 0) / 1_000);
    if (seconds <= counted) return;
    counter.add(seconds - counted);
    counted = seconds;
  };
}
