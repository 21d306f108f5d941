import { chmod, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Contents, parseContents } from '#src/flight-record/contents.js';
import { FlightRecord } from '#src/flight-record/flight-record.js';
import { decodeFile, FILE_BYTES } from '#src/flight-record/frames.js';
import { Block } from '#src/memory/block.js';
import { FLIGHTS } from '#src/memory/layout.js';
import { SeriesMemory } from '#src/memory/metrics/series-memory.js';
import { until } from '#test/support/until.js';
import { collectedLog, FakeWorker, foreignProcess, leave, useDataDir } from './kit.js';

function setUp(dataDir: string, workers = 2, checkEveryMs = 0) {
  const block = Block.create({ workers });
  const series = new SeriesMemory();
  let now = 1_000;
  const { lines, log } = collectedLog();
  const ticks: (() => void)[] = [];
  let skipped = 0;
  const record = new FlightRecord({
    dataDir,
    memory: { block, series, clock: () => now },
    every: (_ms, work) => {
      ticks.push(work);
      return () => void ticks.splice(ticks.indexOf(work), 1);
    },
    log,
    written: async () => true,
    skipped: () => skipped++,
    checkEveryMs,
  });
  const once = (): void => {
    for (const work of ticks) work();
  };
  return {
    ...{ block, series, record, lines },
    skipped: () => skipped,
    isRunning: () => ticks.length > 0,
    once,
    tick: async () => {
      once();
      await record.settled();
    },
    opened: () =>
      until(
        () => ticks.length + lines.length,
        (count) => count > 0,
      ),
    advance: (ms: number) => {
      now += ms;
    },
    worker: (slot: number) => new FakeWorker(block, series, slot),
  };
}

describe('the flight record on disk', () => {
  const dataDir = useDataDir();
  const folder = () => join(dataDir(), 'flight');
  const path = async (): Promise<string> => join(folder(), (await readdir(folder()))[0]!);
  const written = async (): Promise<(Contents & { readonly sequence: number }) | undefined> => {
    const [frame] = decodeFile(await readFile(await path()))?.frames ?? [];
    const contents = frame && parseContents(frame.text);
    return contents && { ...contents, sequence: frame.sequence };
  };
  const requests = async () => (await written())?.threads.flatMap((thread) => thread.requests);

  it('is for its owner only, also in a folder that was open to others', async () => {
    await mkdir(folder());
    await chmod(folder(), 0o755);
    const { opened, record, worker, tick } = setUp(dataDir());
    await opened();
    worker(1).begin('/hang', 500, 'a');
    await tick();
    await until(requests, (list) => list?.length === 1);
    const [ofFolder, ofFile] = [await stat(folder()), await stat(await path())];
    expect([ofFolder.mode & 0o777, ofFile.mode & 0o777]).to.deep.equal([0o700, 0o600]);
    expect(ofFile.size).to.be.at.most(FILE_BYTES);
    await record.close();
    expect(await readdir(folder()), 'after an orderly end').to.deep.equal([]);
  });

  it('shows what is in flight in each worker, by route and id, and nothing of it when it has ended', async () => {
    const { opened, record, worker, tick, advance } = setUp(dataDir());
    await opened();
    const [one, other] = [worker(1), worker(2)];
    const end = one.begin('/orders/{id}', 1_000, 'first');
    other.begin('/report', 1_200, 'second');
    other.begin('/report', 1_401, 'too-young');
    advance(500);
    await tick();
    const contents = await until(written, (found) => found?.threads.length === 2);
    expect(contents).to.deep.include({ now: 1_500, isClosed: false });
    expect(contents?.threads).to.deep.equal([
      { worker: 1, generation: 1, leftOut: 0, requests: [['GET', '/orders/{id}', 'first', 1_000]] },
      { worker: 2, generation: 1, leftOut: 0, requests: [['GET', '/report', 'second', 1_200]] },
    ]);
    end();
    advance(1);
    await tick();
    const later = await until(written, (found) => found?.sequence === 2);
    expect(later?.threads.map((thread) => thread.requests.map(([, , id]) => id))).to.deep.equal([
      [],
      ['second', 'too-young'],
    ]);
    await record.close();
  });

  it('is written while a request is in flight, once a second while nothing changes, and not while none is', async () => {
    const { opened, record, worker, tick, advance } = setUp(dataDir());
    await opened();
    const one = worker(1);
    const end = one.begin('/hang', 750, 'a');
    const seen = new Set<number>();
    for (let n = 0; n < 12; n++) {
      await tick();
      seen.add((await written())!.now);
      advance(250);
    }
    // Each quarter of a second until the request is a long one, then each second.
    expect([...seen]).to.deep.equal([1_000, 1_250, 2_250, 3_250]);
    end();
    await tick();
    await until(written, (contents) => contents?.sequence === 5);
    // Requests that begin and end between two writes leave nothing to write.
    for (let n = 0; n < 5; n++) {
      one.begin('/quick', 2_000, `q${n}`)();
      await tick();
      advance(1_000);
    }
    expect((await written())?.sequence).to.equal(5);
    await record.close();
    expect(await readdir(folder())).to.deep.equal([]);
  });

  it('skips a write while the one before is under way, and counts that', async () => {
    const { opened, record, worker, once, skipped } = setUp(dataDir());
    await opened();
    worker(1).begin('/hang', 500, 'a');
    once();
    once();
    once();
    expect(skipped()).to.equal(2);
    await record.close();
  });

  it('has three files at most, however often a container is started again and killed', async () => {
    for (let n = 0; n < 6; n++) await leave(dataDir(), [], foreignProcess(), new Date(n * 1_000));
    const { opened, record } = setUp(dataDir());
    await opened();
    expect(await readdir(folder())).to.have.length(3);
    await record.close();
  });

  it('goes on in a new file when its folder was removed', async () => {
    const { opened, record, worker, tick, advance, lines } = setUp(dataDir());
    await opened();
    worker(1).begin('/hang', 500, 'a');
    await tick();
    await until(requests, (list) => list?.length === 1);
    await rm(folder(), { recursive: true });
    await until(
      async () => {
        advance(1_000);
        await tick();
        return requests().catch(() => undefined);
      },
      (list) => list?.length === 1,
    );
    expect(lines).to.deep.equal([]);
    await record.close();
  });

  it('goes on in a new file with the first request after idleness, when the file was removed meanwhile', async () => {
    const { opened, record, worker, tick, advance } = setUp(dataDir(), 2, 3_600_000);
    await opened();
    const one = worker(1);
    const end = one.begin('/hang', 500, 'before');
    await tick();
    end();
    await tick();
    await tick();
    await rm(await path());
    advance(1_000);
    one.begin('/hang', 1_500, 'after');
    await tick();
    expect((await requests())?.map(([, , id]) => id)).to.deep.equal(['after']);
    await record.close();
  });

  it('has room for as many workers as there may be, and says how many requests it left out', async () => {
    const { opened, record, worker, tick } = setUp(dataDir(), 320);
    await opened();
    const workers = Array.from({ length: 320 }, (_, index) => worker(index + 1));
    for (const one of workers) {
      for (let n = 0; n < FLIGHTS; n++) one.begin(`/${'ö'.repeat(100)}`, n, 'x'.repeat(60));
    }
    await tick();
    const contents = await until(written, (found) => found !== undefined);
    expect(contents?.threads).to.have.length(320);
    for (const { leftOut, requests: some } of contents!.threads)
      expect(leftOut + some.length).to.equal(FLIGHTS);
    expect((await stat(await path())).size).to.be.at.most(FILE_BYTES);
    await record.close();
  });

  it('counts requests for which the shared record has no room, whatever their age', async () => {
    const { opened, record, worker, tick } = setUp(dataDir());
    await opened();
    const one = worker(1);
    for (let n = 0; n < FLIGHTS + 7; n++) one.begin('/hang', n, `r${n}`);
    await tick();
    const [thread] = (await until(written, (found) => found !== undefined))!.threads;
    expect(thread?.leftOut).to.equal(7);
    const ids = Array.from({ length: FLIGHTS - 1 }, (_, n) => `r${n}`);
    expect(thread?.requests.map(([, , id]) => id)).to.deep.equal([...ids, `r${FLIGHTS + 6}`]);
    await record.close();
  });

  for (const [what, prepare] of [
    ['a file is in its place', (at: string) => writeFile(at, '')],
    ['a link is in its place', (at: string) => symlink('/tmp', at)],
    ['a link that leads nowhere is in its place', (at: string) => symlink('/nowhere', at)],
    [
      'DATA_DIR is a file',
      async (at: string) => {
        await rm(join(at, '..'), { recursive: true });
        await writeFile(join(at, '..'), '');
      },
    ],
  ] as const) {
    it(`is disabled with one warning when ${what}`, async () => {
      await prepare(folder());
      const { opened, record, lines, isRunning } = setUp(dataDir());
      await opened();
      expect(isRunning()).to.equal(false);
      await record.close();
      expect(lines).to.have.length(1);
      expect(lines[0]?.text).to.contain('disabled until the next start').and.to.contain(dataDir());
    });
  }
});
