import { expect } from 'chai';
import { json } from '#test/support/client.js';
import { type Cluster, startCluster } from '#test/support/cluster.js';
import { TestInstance } from '#test/support/instance.js';
import { canLimitFiles, leaveFiles, limitFiles, openPathsOf } from '#test/support/open-files.js';
import { until } from '#test/support/until.js';
import { Wire, type WireResponse } from '#test/support/wire.js';
import { FILES } from './fixtures/paths.js';

/** The limit of descriptors; 160 of them are reserved for two workers. */
const LIMIT = 420;
const MOST = LIMIT - 160;
const LEGITIMATE = '127.0.0.2';
const CLIENTS = 16;

interface Worker {
  readonly id: number;
  readonly generation: number;
  readonly state: string;
}

describe('a process with few file descriptors', () => {
  let cluster: Cluster;
  let instance: TestInstance;
  /** One on a core that cannot share a port between threads. */
  let workerCount: number;
  const clients: Wire[] = [];
  const crowd: Wire[] = [];

  before(async function () {
    this.timeout(60_000);
    if (!canLimitFiles()) {
      this.test!.parent!.title += ' (pending: prlimit is not installed)';
      this.skip();
    }
    cluster = await startCluster({
      config: FILES,
      env: { DRAIN_MS: '300' },
      within: ['prlimit', `--nofile=${LIMIT}`],
    });
    workerCount = (await workers()).length;
    instance = await TestInstance.start(cluster.adminUrl, 'things', 'one');
    await connect();
  });
  after(async function () {
    this.timeout(60_000);
    for (const wire of [...clients, ...crowd]) wire.destroy();
    instance?.stop();
    await cluster?.dispose();
  });

  async function connect(): Promise<void> {
    for (const wire of [...clients.splice(0), ...crowd.splice(0)]) wire.destroy();
    while (clients.length < CLIENTS) clients.push(await Wire.open(cluster.url, undefined, LEGITIMATE));
    expect(await responsesTo('/thread')).to.have.length(CLIENTS);
  }

  /** Responses to each of the legitimate connections; the test fails when one has ended. */
  async function responsesTo(path: string): Promise<readonly WireResponse[]> {
    const responses = await Promise.all(clients.map((wire) => wire.request('GET', path)));
    expect(responses).to.not.include(undefined);
    return responses as readonly WireResponse[];
  }
  const statuses = async (path: string): Promise<readonly number[]> => [
    ...new Set((await responsesTo(path)).map(({ status }) => status)),
  ];
  const called = async (): Promise<readonly string[]> => [
    ...new Set((await responsesTo('/call')).map(({ body }) => body.toString())),
  ];
  const workers = async (): Promise<readonly Worker[]> => json(await fetch(`${cluster.adminUrl}/workers`));
  /** Resolves when `act` has led to a line in the log whose message matches. */
  async function logs(line: RegExp, act: () => void): Promise<void> {
    const count = (): number => cluster.logs().filter(({ msg }) => line.test(String(msg))).length;
    const before = count();
    act();
    expect(await until(count, (lines) => lines > before)).to.be.greaterThan(before);
  }
  const reload = (): void => cluster.signal('SIGHUP');
  const openModules = (): readonly string[] =>
    openPathsOf(cluster.pid).filter((path) => /\.m?js$/.test(path));

  it('serves as many connections as it has descriptors for, and can replace its workers meanwhile', async () => {
    const opened = await Promise.all(
      Array.from({ length: 2 * MOST }, async () => {
        const wire = await Wire.open(cluster.url);
        crowd.push(wire);
        return (await wire.request('GET', '/thread'))?.status;
      }),
    );
    expect(opened.filter((status) => status === 200).length).to.be.within(MOST / 2, MOST);
    expect(new Set(opened)).to.deep.equal(new Set([200, undefined]));
    expect(await statuses('/file')).to.deep.equal([200]);
    const generations = (await workers()).map(({ generation }) => generation);
    expect(generations).to.deep.equal(Array.from({ length: workerCount }, () => 1));
    await logs(/^reload finished/, reload);
  }).timeout(30_000);

  it('needs no more than 90 for a thread that starts, and leaves none open of a thread that cannot start', async () => {
    await connect();
    leaveFiles(cluster.pid, 90);
    await logs(/^reload finished/, reload);
    const reloadWith = async (few: number, end: RegExp): Promise<void> => {
      limitFiles(cluster.pid, LIMIT);
      await connect();
      leaveFiles(cluster.pid, few);
      await logs(end, reload);
    };
    // Node.js 22 and later open fewer files at a time, so a thread starts there.
    await reloadWith(30, /^reload (finished|stopped)/);
    await reloadWith(5, /^reload stopped/);
    expect(await statuses('/thread')).to.deep.equal([200]);
    limitFiles(cluster.pid, LIMIT);
    expect(await until(openModules, (paths) => paths.length === 0)).to.deep.equal([]);
  }).timeout(120_000);

  it('without any left serves requests that need none, blames no instance, and keeps workers that have failed', async () => {
    await logs(/^no file descriptor is free/, () => limitFiles(cluster.pid, 3));
    expect(await statuses('/thread')).to.deep.equal([200]);
    expect(await statuses('/file')).to.deep.equal([503]);
    expect(await called()).to.deep.equal(['{"code":"OVERLOADED"}']);
    expect(await called()).to.deep.equal(['{"code":"OVERLOADED"}']);
    await logs(/^reload stopped/, reload);
    expect(await statuses('/thread')).to.deep.equal([200]);
    await logs(/^the process is short of file descriptors/, () => {
      for (const wire of clients) void wire.request('GET', '/uncaught');
    });
    const responses = await Promise.all(clients.map((wire) => wire.request('GET', '/thread')));
    expect(responses.map((response) => response?.status)).to.include(200);
  }).timeout(30_000);

  it('works as before when it has some again', async () => {
    await logs(/^file descriptors are free again/, () => limitFiles(cluster.pid, LIMIT));
    await until(workers, (all) => all.length === workerCount && all.every(({ state }) => state === 'ready'));
    await connect();
    expect(await statuses('/file')).to.deep.equal([200]);
    expect(await called()).to.deep.equal(['{"status":200}']);
    expect(await until(openModules, (paths) => paths.length === 0)).to.deep.equal([]);
    expect(await cluster.stop()).to.deep.equal({ code: 0, signal: null });
  }).timeout(30_000);
});
