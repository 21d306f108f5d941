// Two processes on one DATA_DIR that do not see each other, as in two containers on one volume.
import { spawnSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { childrenOf } from '#src/process/proc.js';
import { signalIfAlive } from '#src/process/process-identity.js';
import { post, uniqueEmail } from '#test/support/client.js';
import {
  type Cluster,
  dataDirWith,
  type Launched,
  launchCluster,
  newDataDir,
} from '#test/support/cluster.js';
import { leftovers, postmasters, reap } from '#test/support/leftovers.js';
import { until } from '#test/support/until.js';

export const CONTAINER = ['unshare', '-p', '-i', '-f', '--kill-child', '--mount-proc'];
/** The longest time that the refusal of a second start may take. */
const REFUSED_MS = 20_000;

/** The reason why this machine cannot make containers; undefined when it can. */
export const noContainers = (): string | undefined =>
  spawnSync(CONTAINER[0]!, [...CONTAINER.slice(1), 'true']).status === 0
    ? undefined
    : 'needs unshare (util-linux) and the right to use it';

export interface Contained extends Launched {
  /** The process id of the primary in the container, awaited. */
  readonly inner: () => Promise<number>;
}

export function launchContained(dataDir: string): Contained {
  const launched = launchCluster({ dataDir, within: CONTAINER, env: { WORKERS: '1', DRAIN_MS: '500' } });
  const inner = async (): Promise<number> => {
    const [pid] = await until(
      () => childrenOf(launched.pid),
      (pids) => pids.length > 0,
    );
    return pid!;
  };
  return { ...launched, inner };
}

/** The status of a request that writes to the database; undefined when there is no response. */
const creates = async ({ url }: Pick<Cluster, 'url'>): Promise<number | undefined> => {
  const body = { name: 'Ada', email: uniqueEmail() };
  return post(`${url}/api/users`, body).then(
    ({ status }) => status,
    () => undefined,
  );
};

/**
 * The second start is refused, the first process continues to serve, and when it has ended the next one owns
 * the folder.
 */
export async function secondStart(): Promise<void> {
  const dataDir = await dataDirWith('shop');
  const first = launchContained(dataDir);
  try {
    const address = await first.ready();
    const second = launchContained(dataDir);
    const exit = await Promise.race([second.exited, sleep(REFUSED_MS, undefined, { ref: false })]);
    expect(exit, second.stderr.join('\n')).to.deep.equal({ code: 1, signal: null });
    expect(second.stderr.join()).to.include('another container').and.include(dataDir);
    expect(await creates(address)).to.equal(201);
    expect(await postmasters(dataDir, 1)).to.have.length(1);
    process.kill(await first.inner(), 'SIGTERM');
    expect(await first.exited).to.deep.equal({ code: 0, signal: null });
    expect(leftovers(dataDir)).to.deep.equal([]);
    const third = launchContained(dataDir);
    expect(await creates(await third.ready())).to.equal(201);
    process.kill(await third.inner(), 'SIGTERM');
    expect(await third.exited).to.deep.equal({ code: 0, signal: null });
  } finally {
    await first.dispose();
    await reap(dataDir);
  }
}

/**
 * The first process is paused while it starts or stops. Whether the second is refused or owns the folder, in
 * the end one of them serves, or none does and a third one can; two never serve, and there are never two
 * PostgreSQL.
 * @param afterMs time from its start, or from the signal that ends it, to the pause
 */
export async function secondStartBesidePaused(
  phase: 'starting' | 'stopping',
  afterMs: number,
): Promise<void> {
  const dataDir = newDataDir();
  const first = launchContained(dataDir);
  try {
    const inner = await first.inner();
    if (phase === 'stopping') {
      await first.ready();
      process.kill(inner, 'SIGTERM');
    }
    await sleep(afterMs);
    signalIfAlive(inner, 'SIGSTOP'); // it may have ended
    const second = launchContained(dataDir);
    const isReady = await Promise.race([
      second.ready().then(() => true),
      second.exited.then(() => false),
    ]).catch(() => false);
    if (!isReady) expect((await second.exited).code, second.stderr.join('\n')).to.equal(1);
    if (isReady) expect(await postmasters(dataDir, 1)).to.have.length(1);
    signalIfAlive(inner, 'SIGCONT');
    const firstServes =
      phase === 'starting' &&
      (await first
        .ready()
        .then(() => true)
        .catch(() => false));
    expect([isReady, firstServes].filter(Boolean), 'who serves').to.have.length(
      phase === 'starting' || isReady ? 1 : 0,
    );
    if (phase === 'stopping' || isReady) await first.exited;
    const count = isReady || firstServes ? 1 : 0;
    expect(await postmasters(dataDir, count)).to.have.length(count);
    for (const one of [first, second]) {
      const [pid] = childrenOf(one.pid);
      if (pid !== undefined) process.kill(pid, 'SIGTERM');
      await one.exited;
    }
    expect(leftovers(dataDir)).to.deep.equal([]);
  } finally {
    await first.dispose();
    await reap(dataDir);
  }
}
