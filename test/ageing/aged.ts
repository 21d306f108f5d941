// Starts the real process with clocks as if it had run for a long time, and uses it for a moment.
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { get, json } from '#test/support/client.js';
import { type Cluster, PRIMARY, startCluster } from '#test/support/cluster.js';
import { answering, TestInstance } from '#test/support/instance.js';
import { until } from '#test/support/until.js';

const CONFIG = fileURLToPath(new URL('./ageing.config.js', import.meta.url));
/** See shift.ts, which must not be loaded here. */
const READING = 'the shared clock reads, in ms: ';
const SHIFT = new URL('./shift.js', import.meta.url).href;
const NEWCOMERS = 500;
const AT_ONCE = 25;
const BREAKER_OPEN_MS = 300;
const EJECTION_MS = 300;

interface Shown {
  readonly state: string;
}

/** @param rounds number of times that every step is repeated */
export async function liveThrough(ageMs: number, rounds: number): Promise<void> {
  const cluster = await startCluster({
    config: CONFIG,
    entry: ['--import', SHIFT, PRIMARY],
    env: {
      AGE_MS: String(ageMs),
      BREAKER_OPEN_MS: String(BREAKER_OPEN_MS),
      EJECTION_MS: String(EJECTION_MS),
      STALL_MS: '2000',
    },
  });
  try {
    for (let round = 0; round < rounds; round++) await useAll(cluster, round);
    expect(cluster.logs().filter(({ level }) => Number(level) >= 50)).to.deep.equal([]);
    expect(await cluster.stop()).to.deep.include({ code: 0 });
    expectAge(cluster.stderr, ageMs);
  } finally {
    await cluster.dispose();
  }
}

/** The memory of the process, and not only its clocks, was as old as that. */
function expectAge(stderr: readonly string[], ageMs: number): void {
  const lines = stderr.filter((line) => line.startsWith(READING));
  expect(lines).to.have.length(1);
  expect(Number(lines[0]!.slice(READING.length))).to.be.within(ageMs, ageMs + 600_000);
}

async function useAll(cluster: Cluster, round: number): Promise<void> {
  await limits(cluster, round);
  await places(cluster);
  await calls(cluster, round);
  await workers(cluster);
}

async function limits(cluster: Cluster, round: number): Promise<void> {
  const ask = async (path: string, client: string): Promise<number> =>
    (await get(`${cluster.url}${path}`, { 'x-client': client })).status;
  // So few at once are no overload, whatever else the machine does.
  for (let begun = 0; begun < NEWCOMERS; begun += AT_ONCE) {
    const newcomers = Array.from({ length: AT_ONCE }, (_, n) =>
      ask('/limited', `client ${round} ${begun + n}`),
    );
    const statuses = await Promise.all(newcomers);
    expect(statuses.filter((status) => status !== 200)).to.deep.equal([]);
  }
  const twice: number[] = [];
  for (let n = 0; n < 4; n++) twice.push(await ask('/twice', `busy ${round}`));
  expect(twice).to.deep.equal([200, 200, 429, 429]);
}

async function places(cluster: Cluster): Promise<void> {
  const all = await Promise.all(Array.from({ length: 40 }, () => get(`${cluster.url}/few`)));
  expect(all.map(({ status }) => status)).to.deep.equal(all.map(() => 200));
}

/** An instance fails: its breaker opens, and later admits calls again. */
async function calls(cluster: Cluster, round: number): Promise<void> {
  const instance = await TestInstance.start(cluster.adminUrl, 'things', `one-${round}`);
  try {
    const call = async (): Promise<unknown> => json(await get(`${cluster.url}/call`));
    instance.behave = answering(500);
    for (let n = 0; n < 20; n++) expect(await call()).to.deep.equal({ status: 500 });
    expect(await call()).to.deep.equal({ code: 'BREAKER_OPEN' });
    instance.behave = answering(200);
    await until(
      async () => (await json<{ items: Shown[] }>(await get(`${cluster.adminUrl}/breakers`))).items,
      (items) => items.some(({ state }) => state === 'half-open'),
    );
    for (let n = 0; n < 3; n++) expect(await call()).to.deep.equal({ status: 200 });
    // A second instance that fails while the first one does not is ejected, and returns later.
    const other = await TestInstance.start(cluster.adminUrl, 'things', `two-${round}`);
    try {
      other.behave = answering(503);
      const ejected = async (): Promise<number> =>
        (
          await json<{ instances: { ejectedUntil: string | null }[] }>(
            await get(`${cluster.adminUrl}/registry/v1/services/things`),
          )
        ).instances.filter(({ ejectedUntil }) => ejectedUntil !== null).length;
      await until(
        async () => {
          await call();
          return ejected();
        },
        (count) => count === 1,
      );
      other.behave = answering(200);
      await until(ejected, (count) => count === 0);
    } finally {
      await remove(cluster, `two-${round}`);
      other.stop();
    }
  } finally {
    await remove(cluster, `one-${round}`);
    instance.stop();
  }
}

const remove = (cluster: Cluster, id: string): Promise<Response> =>
  fetch(`${cluster.adminUrl}/registry/v1/services/things/instances/${id}`, { method: 'DELETE' });

interface Worker {
  readonly state: string;
  readonly loopUtilization: number;
  readonly current: { readonly route: string; readonly sinceMs: number } | null;
}

async function workers(cluster: Cluster): Promise<void> {
  const list = (): Promise<Worker[]> =>
    get(`${cluster.adminUrl}/workers`).then((answer) => json<Worker[]>(answer));
  const burning = get(`${cluster.url}/burn/400`);
  const busy = await until(list, (all) => all.some(({ current }) => current !== null));
  const current = busy.find((one) => one.current !== null)!.current!;
  expect(current.sinceMs).to.be.within(0, 2_000);
  expect((await burning).status).to.equal(200);
  for (const { state, loopUtilization } of await list()) {
    expect(state).to.equal('ready');
    expect(loopUtilization).to.be.within(0, 1);
  }
}
