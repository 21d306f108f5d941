// How many connections this thread has open to a service's database.
import type { Recorder } from '../memory/recorder.js';

/** @returns what publishes it: to be called now and then */
export function connectionGauges(
  recorder: Recorder,
  service: string,
  database: { readonly size: { readonly used: number; readonly idle: number } },
): () => void {
  const [used, idle] = ['used', 'idle'].map((state) =>
    recorder.gauge('db_client_connections', { state, pool: service }),
  );
  return () => {
    const { size } = database;
    used!.set(size.used);
    idle!.set(size.idle);
  };
}
