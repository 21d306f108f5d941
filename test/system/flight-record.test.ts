import { mkdtempSync, readdirSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { get, json } from '#test/support/client.js';
import { type Cluster, newDataDir } from '#test/support/cluster.js';
import { until } from '#test/support/until.js';
import {
  countReported,
  hang,
  inFlight,
  reported,
  restartAfter,
  startHazards,
  unread,
} from './flight-kills.js';

const KILLS = 3;

describe('the flight record that outlives its process', function () {
  this.timeout(120_000);
  const clusters: Cluster[] = [];
  const start = async (options?: Parameters<typeof startHazards>[0]): Promise<Cluster> => {
    const cluster = await startHazards(options);
    clusters.push(cluster);
    return cluster;
  };
  afterEach(async () => {
    for (const cluster of clusters.splice(0)) await cluster.dispose();
  });
  const warnings = (cluster: Cluster) =>
    cluster.logs().filter(({ msg }) => /flight record/.test(String(msg)));

  it(`names what was in flight after kill -9 (${KILLS} kills)`, async () => {
    expect(await countReported(KILLS)).to.equal(KILLS);
  });

  it('has worker, route, request id and age in one line, and nothing else of the client', async () => {
    const first = await start();
    const { requestId } = (await get(`${first.url}/thread`).then(async (response) => {
      await response.arrayBuffer();
      return { requestId: response.headers.get('x-request-id') };
    }))!;
    await hang(first, ['of-a-client']);
    const folder = join(first.dataDir, 'flight');
    const files = readdirSync(folder).map((name) => statSync(join(folder, name)));
    expect([statSync(folder), ...files].map(({ mode }) => mode & 0o777)).to.deep.equal([0o700, 0o600]);
    expect(files[0]!.size).to.be.below(2 ** 20 / 3);
    const second = await restartAfter(first, () => first.stop('SIGKILL'));
    clusters.push(second);
    const [line] = [
      ...(
        await until(
          () => reported(second),
          (lines) => lines.size > 0,
        )
      ).values(),
    ];
    expect(line).to.include({
      level: 60,
      method: 'GET',
      route: '/hang',
      requestId: 'of-a-client',
      endedPid: first.pid,
    });
    expect(line?.worker).to.be.oneOf([1, 2]);
    expect(line?.ageMs).to.be.at.least(250);
    expect(line?.msg).to.match(
      /^in flight when process \d+ ended: GET \/hang, request of-a-client, for \d+ ms, on worker [12]$/,
    );
    expect(second.stdout.join('\n')).to.not.contain('hush').and.to.not.contain(requestId);
  });

  for (const [what, end] of [
    // What native code of a service does that fails: the signal comes from inside, in the middle of a
    // request.
    ['native code that aborts', (cluster: Cluster) => get(`${cluster.url}/abort`).catch(() => undefined)],
    ['a segmentation fault', (cluster: Cluster) => cluster.signal('SIGSEGV')],
    ['an exhausted heap', (cluster: Cluster) => get(`${cluster.url}/exhaust`).catch(() => undefined)],
  ] as const) {
    it(`names what was in flight after ${what}`, async () => {
      const first = await start({ env: { WORKER_HEAP_MB: '0', NODE_OPTIONS: '--max-old-space-size=96' } });
      await hang(first, ['a', 'b']);
      const second = await restartAfter(first, () => end(first));
      clusters.push(second);
      expect((await first.exited).signal ?? (await first.exited).code, 'the end').to.not.equal(0);
      const lines = await until(
        () => reported(second),
        (found) => found.size >= 2,
      );
      expect([...lines.keys()]).to.include.members(['a', 'b']);
    });
  }

  it('names what was in flight when the start before was killed with the report in a buffer', async () => {
    const first = await start();
    const { dataDir } = first;
    await hang(first, ['a']);
    await first.stop('SIGKILL');
    const second = await start({ dataDir, within: unread(dataDir) });
    const claims = () => readdirSync(join(dataDir, 'flight')).filter((name) => !name.startsWith('flight-'));
    await until(claims, (names) => names.length > 0);
    expect(second.stdout, 'of the second start').to.deep.equal([]);
    const third = await restartAfter(second, () => second.stop('SIGKILL'));
    clusters.push(third);
    await until(
      () => reported(third),
      (lines) => lines.has('a'),
    );
  });

  it('leaves nothing to report after an orderly stop that cut requests off', async () => {
    const cluster = await start({ env: { DRAIN_MS: '100' } });
    await hang(cluster, ['cut']);
    await cluster.stop();
    expect(readdirSync(join(cluster.dataDir, 'flight'))).to.deep.equal([]);
  });

  it('tells two processes in one folder apart', async () => {
    const first = await start();
    await hang(first, ['of-the-first']);
    const second = await start({ dataDir: first.dataDir });
    await hang(second, ['of-the-second']);
    await first.stop('SIGKILL');
    const third = await start({ dataDir: first.dataDir });
    const lines = await until(
      () => reported(third),
      (found) => found.size > 0,
    );
    expect([...lines.keys()]).to.deep.equal(['of-the-first']);
    expect(reported(second).size, 'the first ran when the second was started').to.equal(0);
    expect((await inFlight(second)).map(({ requestId }) => requestId)).to.deep.equal(['of-the-second']);
  });

  for (const [what, options] of [
    [
      'the folder is a link',
      () => {
        const [dataDir, elsewhere] = [newDataDir(), mkdtempSync(join(tmpdir(), 'multilane-elsewhere-'))];
        symlinkSync(elsewhere, join(dataDir, 'flight'));
        return {
          dataDir,
          dispose: () => {
            expect(readdirSync(elsewhere)).to.deep.equal([]);
            rmSync(elsewhere, { recursive: true });
          },
        };
      },
    ],
    // Files may not grow beyond some bytes, as on a full disk.
    ['the disk is full', () => ({ within: ['prlimit', '--fsize=1000'], dispose: () => undefined })],
    ['the file system is read-only', () => ({ env: { DATA_DIR: '/proc/none' }, dispose: () => undefined })],
  ] as const) {
    it(`is disabled with one warning when ${what}, and the process serves`, async () => {
      const { dispose, ...more } = options();
      const cluster = await start(more);
      const hanging = hang(cluster, ['a']);
      await until(
        () => warnings(cluster),
        (lines) => lines.length > 0,
      );
      await hanging;
      expect((await json<{ thread: number }>(await get(`${cluster.url}/thread`))).thread).to.be.a('number');
      expect((await cluster.stop()).code).to.equal(0);
      expect(warnings(cluster)).to.have.length(1);
      expect(warnings(cluster)[0]).to.have.property('level', 40);
      dispose();
    });
  }
});

describe('GET /flights', () => {
  it('refuses a worker that is not named or does not exist', async function () {
    this.timeout(60_000);
    const cluster = await startHazards();
    try {
      for (const [query, status] of [
        ['', 422],
        ['?worker=x', 422],
        ['?worker=0', 422],
        ['?worker=9', 404],
      ] as const)
        expect((await get(`${cluster.adminUrl}/flights${query}`)).status, query).to.equal(status);
      const response = await get(`${cluster.url}/thread`, { 'x-request-id': 'seen' });
      await response.arrayBuffer();
      const lists = await Promise.all(
        [1, 2].map(async (id) =>
          json<{ worker: number; items: Record<string, unknown>[] }>(
            await get(`${cluster.adminUrl}/flights?worker=${id}`),
          ),
        ),
      );
      expect(lists.map(({ worker }) => worker)).to.deep.equal([1, 2]);
      const [seen] = lists.flatMap(({ items }) => items).filter((item) => item.requestId === 'seen');
      expect(seen).to.include({ method: 'GET', route: '/thread', status: 200 });
      expect(Object.keys(seen!)).to.deep.equal([
        'method',
        'route',
        'requestId',
        'status',
        'ageMs',
        'durationMs',
      ]);
    } finally {
      await cluster.dispose();
    }
  });
});
