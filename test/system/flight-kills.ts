// Kills of a process with requests in flight, and what the next start logs about them.
import { join } from 'node:path';
import { get, json } from '#test/support/client.js';
import { type Cluster, type ClusterOptions, type LogLine, startCluster } from '#test/support/cluster.js';
import { until } from '#test/support/until.js';
import { HAZARDS } from './fixtures/paths.js';

interface Shown {
  readonly requestId: string | null;
  readonly ageMs: number;
  readonly status: number | null;
}

/** Requests that have been in flight for longer than the report needs, with the time between two writes. */
const LONG_MS = 900;

export const startHazards = (options: ClusterOptions = {}): Promise<Cluster> =>
  startCluster({ config: HAZARDS, ...options });

/** The lines about requests that were in flight when an earlier process ended, by their ids. */
export const reported = (cluster: Cluster): Map<unknown, LogLine> =>
  new Map(
    cluster
      .logs()
      .filter(({ msg }) => /^in flight when process \d+ ended: /.test(String(msg)))
      .map((line) => [line.requestId, line]),
  );

/** All requests in flight, by `GET /flights` of each worker. */
export async function inFlight({ adminUrl }: Cluster): Promise<readonly Shown[]> {
  const workers = await json<{ id: number }[]>(await get(`${adminUrl}/workers`));
  const lists = await Promise.all(
    workers.map(async ({ id }) => json<{ items: Shown[] }>(await get(`${adminUrl}/flights?worker=${id}`))),
  );
  return lists.flatMap(({ items }) => items).filter(({ status }) => status === null);
}

/** Begins requests that never end, and waits until the record has them as long ones. */
export async function hang(cluster: Cluster, ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    get(`${cluster.url}/hang?token=hush`, { 'x-request-id': id }).catch(() => undefined); // cut by the kill
  }
  await until(
    async () => (await inFlight(cluster)).filter(({ ageMs }) => ageMs >= LONG_MS).map((one) => one.requestId),
    (seen) => ids.every((id) => seen.includes(id)),
  );
}

/** Ends a process in the middle of requests, and starts the next one on its data folder. */
export async function restartAfter(cluster: Cluster, end: () => unknown): Promise<Cluster> {
  await end();
  await cluster.exited;
  return startHazards({ dataDir: cluster.dataDir });
}

/** Makes the standard output of a process a pipe that is full and whose reader has stopped. */
export const unread = (dataDir: string): readonly string[] => {
  const pipe = join(dataDir, 'unread');
  const fill = `dd if=/dev/zero of='${pipe}' bs=4096 oflag=nonblock status=none 2>/dev/null`;
  return ['sh', '-c', `mkfifo '${pipe}' && exec 3<>'${pipe}' && { ${fill}; exec "$@" >&3; }`, 'sh'];
};

/**
 * Kills a process again and again, each time with requests in flight.
 * @returns the number of kills after which the next start has logged exactly the requests in flight
 */
export async function countReported(kills: number): Promise<number> {
  let cluster = await startHazards();
  let complete = 0;
  try {
    for (let kill = 0; kill < kills; kill += 1) {
      const ids = [`kill-${kill}-a`, `kill-${kill}-b`, `kill-${kill}-c`];
      await hang(cluster, ids);
      cluster = await restartAfter(cluster, () => cluster.stop('SIGKILL'));
      const seen = await until(
        () => reported(cluster),
        (lines) => lines.size >= ids.length,
        5_000,
      ).catch(() => reported(cluster));
      if (seen.size === ids.length && ids.every((id) => seen.has(id))) complete += 1;
    }
  } finally {
    await cluster.dispose();
  }
  return complete;
}
