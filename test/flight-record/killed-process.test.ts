import { execFileSync } from 'node:child_process';
import { mkdir, open, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import fc from 'fast-check';
import { claimantOf } from '#src/flight-record/claimant.js';
import { FRAME_BYTES, FRAMES_AT } from '#src/flight-record/frames.js';
import { RecordFile } from '#src/flight-record/record-file.js';
import { RecordFolder } from '#src/flight-record/record-folder.js';
import { thisProcess } from '#src/process/process-identity.js';
import { createLogger } from '#src/telemetry/log.js';
import { LOG_LEVELS } from '#src/telemetry/log-level.js';
import type { LogSink } from '#src/telemetry/log-sink.js';
import {
  contentsOf,
  endedProcess,
  entry,
  foreignProcess,
  idsOf,
  leave,
  prepare,
  report,
  useDataDir,
} from './kit.js';

describe('the report about a killed process', () => {
  const dataDir = useDataDir();
  const names = () => readdir(join(dataDir(), 'flight'));

  it('has a line for each request that was in flight for 500 ms or more, the oldest first', async () => {
    await leave(dataDir(), [contentsOf([entry('young', 249), entry('old', 3_000), entry('new', 250)])]);
    const [summary, ...lines] = await report(dataDir());
    expect(summary?.text).to.match(
      /^process \d+ has ended without an orderly stop, last seen at 2026-01-01T00:00:00.000Z; .* 2 requests$/,
    );
    expect(summary?.fields).to.include({ endedPid: process.pid, requests: 2, listed: 2, leftOut: 0 });
    expect(idsOf(lines)).to.deep.equal(['old', 'new']);
    expect(lines[0]).to.deep.equal({
      fields: {
        ...{ endedPid: process.pid, worker: 1, generation: 1, method: 'GET' },
        ...{ route: '/hang', requestId: 'old', ageMs: 3_000 },
      },
      text: `in flight when process ${process.pid} ended: GET /hang, request old, for 3000 ms, on worker 1`,
    });
    expect(await report(dataDir()), 'at the next start').to.deep.equal([]);
  });

  it('is written at every log level but silent', async () => {
    for (const logLevel of LOG_LEVELS) {
      const lines: { readonly level: number; readonly msg: string }[] = [];
      const sink: LogSink = { write: (line) => void lines.push(JSON.parse(line)), flush: () => {} };
      const log = createLogger({ logLevel, logFormat: 'json' }, {}, sink);
      await leave(dataDir(), [contentsOf([entry('a', 9_000)])]);
      await leave(dataDir(), ['{']);
      await report(dataDir(), 1, '', { log });
      const found = lines.map(({ msg }) => msg.replace(/^(?:process|in flight|a flight record).*/s, 'line'));
      expect(found, logLevel).to.deep.equal(logLevel === 'silent' ? [] : ['line', 'line', 'line']);
    }
  });

  it('lists the 64 oldest requests at most, and says how many there were', async () => {
    const requests = Array.from({ length: 128 }, (_, n) => entry(`r${n}`, 1_000 + n));
    await leave(dataDir(), [contentsOf(requests)]);
    const lines = await report(dataDir());
    expect(lines[0]?.fields).to.include({ requests: 128, listed: 64 });
    expect(idsOf(lines)).to.deep.equal(Array.from({ length: 64 }, (_, n) => `r${127 - n}`));
  });

  it('is left out for an orderly end, for requests that have ended, and for a start that was killed at once', async () => {
    await leave(dataDir(), [contentsOf([entry('a', 9_000)]), contentsOf([entry('cut', 9_000)], true)]);
    await leave(dataDir(), [contentsOf([entry('b', 9_000)]), contentsOf([])]);
    await leave(dataDir(), []);
    expect(await report(dataDir())).to.deep.equal([]);
    expect(await names()).to.deep.equal([]);
  });

  it('leaves the file of a process alone that runs', async () => {
    await leave(dataDir(), [contentsOf([entry('a', 9_000)])], thisProcess());
    const own = await leave(dataDir(), [contentsOf([entry('b', 9_000)])]);
    expect(await report(dataDir(), 1, own)).to.deep.equal([]);
    expect(await names()).to.have.length(2);
  });

  it('watches a process of another machine or container, and reports it if it writes nothing', async () => {
    const folder = await RecordFolder.open(dataDir());
    const file = await RecordFile.create(folder, new Date(), foreignProcess());
    await file.write(contentsOf([entry('runs', 9_000)]));
    const reading = report(dataDir(), 300);
    const writing = setInterval(() => void file.write(contentsOf([entry('runs', 9_000)])), 20);
    expect(await reading).to.deep.equal([]);
    clearInterval(writing);
    expect(idsOf(await report(dataDir()))).to.deep.equal(['runs']);
    await file.close();
  });

  it('is made once when several processes start at the same time', async () => {
    await leave(dataDir(), [contentsOf([entry('a', 9_000)])]);
    const lines = (await Promise.all(Array.from({ length: 8 }, () => report(dataDir())))).flat();
    expect(idsOf(lines)).to.deep.equal(['a']);
  });

  it('keeps the last two files, so there are three generations of less than 1 MiB', async () => {
    for (let n = 0; n < 5; n++) {
      await leave(dataDir(), [contentsOf([entry('a', 9_000)])], endedProcess(), new Date(n * 1_000));
      await report(dataDir());
    }
    const kept = (await names()).sort().map((name) => name.slice(0, 22));
    expect(kept).to.deep.equal(['ended-19700101T000003Z', 'ended-19700101T000004Z']);
    expect(3 * (FRAMES_AT + 2 * FRAME_BYTES)).to.be.below(2 ** 20);
  });

  it('keeps two files before a start makes its own, also of processes that may run, those with requests', async () => {
    const hung = [contentsOf([entry('a', 9_000)])];
    await leave(dataDir(), hung, foreignProcess(), new Date(1_000));
    for (let n = 2; n < 6; n++) await leave(dataDir(), [], foreignProcess(), new Date(n * 1_000));
    expect(await prepare(dataDir())).to.deep.equal([]);
    const seconds = async () => (await names()).sort().map((name) => name.slice(20, 22));
    expect(await seconds(), 'the requests, and the newest').to.deep.equal(['01', '05']);
    for (const n of [6, 7]) await leave(dataDir(), hung, foreignProcess(), new Date(n * 1_000));
    expect(idsOf(await prepare(dataDir())), 'watched first').to.deep.equal(['a', 'a', 'a']);
    expect((await names()).every((name) => name.startsWith('ended-'))).to.equal(true);
    expect(await names()).to.have.length(2);
  });

  it('removes and reports no file of processes elsewhere that have requests, however many they are', async () => {
    const folder = await RecordFolder.open(dataDir());
    const young = contentsOf([entry('young', 0)]);
    const hung = contentsOf([entry('hung', 9_000)]);
    const texts = [hung, young, hung, young, hung];
    const files = await Promise.all(texts.map(() => RecordFile.create(folder, new Date(), foreignProcess())));
    let isOver = false;
    const run = async (file: RecordFile, text: string): Promise<void> => {
      for (; !isOver; await delay(10)) await file.write(text);
    };
    for (const [index, file] of files.entries()) await file.write(texts[index]!);
    const running = files.map((file, index) => run(file, texts[index]!));
    expect(await prepare(dataDir(), 300)).to.deep.equal([]);
    expect(await names()).to.have.members(files.map(({ name }) => name));
    expect(await report(dataDir(), 300)).to.deep.equal([]);
    expect(await names()).to.have.members(files.map(({ name }) => name));
    isOver = true;
    await Promise.all(running);
    expect(idsOf(await prepare(dataDir())), 'all of them are killed').to.deep.equal(['hung', 'hung', 'hung']);
    await Promise.all(files.map((file) => file.close()));
  });

  it('stays small and loses nothing where each start is killed before it knows that others have ended', async () => {
    const made: string[] = [];
    for (let n = 0; n < 8; n++) {
      const signal = AbortSignal.timeout(30);
      const lines = await prepare(dataDir(), 60_000, signal).catch((error: Error) => error.name);
      if (lines === 'AbortError' || signal.aborted) continue;
      expect(lines).to.deep.equal([]);
      made.push(`r${n}`);
      const hung = [contentsOf([entry(`r${n}`, 9_000)])];
      await leave(dataDir(), hung, foreignProcess(), new Date(n * 1_000));
    }
    expect(made.length).to.be.at.most(3);
    expect(idsOf(await report(dataDir()))).to.have.members(made);
  });

  it('says how many of the records that it removes unread may be of running processes', async () => {
    const folder = join(dataDir(), 'flight');
    await mkdir(folder);
    for (let n = 0; n < 66; n++) {
      const name = `flight-20260101T0000${String(n).padStart(2, '0')}Z-1-0000000a.bin`;
      await symlink('/nowhere', join(folder, name));
    }
    const [line] = await prepare(dataDir());
    expect(line?.fields).to.include({ lost: 64, mayRun: 64 });
    expect(line?.text).to.match(
      /^flight records of 64 other processes were removed before they were reported; 64 of these may run; 2 /,
    );
    expect(await names()).to.have.length(2);
  });

  it('is made before a start makes its own file, of processes that are known to have ended', async () => {
    for (const id of ['a', 'b', 'c', 'd']) await leave(dataDir(), [contentsOf([entry(id, 9_000)])]);
    expect(idsOf(await prepare(dataDir()))).to.have.members(['a', 'b', 'c', 'd']);
    expect(await names()).to.have.length(2);
  });

  it('looks behind the files of any number of processes that run, and keeps them', async () => {
    await leave(dataDir(), [contentsOf([entry('a', 9_000)])], endedProcess(), new Date(0));
    for (let n = 0; n < 20; n++) await leave(dataDir(), [], thisProcess());
    expect(idsOf(await report(dataDir()))).to.deep.equal(['a']);
    expect(await names()).to.have.length(21);
  });

  it('is made of the other files when one cannot be claimed', async () => {
    await leave(dataDir(), [contentsOf([entry('first', 9_000)])], endedProcess(), new Date(2_000));
    const stuck = await leave(dataDir(), [contentsOf([entry('x', 9_000)])], endedProcess(), new Date(1_000));
    await leave(dataDir(), [contentsOf([entry('last', 9_000)])], endedProcess(), new Date(0));
    const claimant = claimantOf(thisProcess());
    const claim = stuck.replace('flight-', 'claim-').replace('.bin', `-by-${claimant}.bin`);
    await mkdir(join(dataDir(), 'flight', claim));
    const lines = await report(dataDir());
    expect(idsOf(lines)).to.deep.equal(['first', 'last']);
    const failed = lines.filter(({ fields }) => fields.file === stuck);
    expect(failed.map(({ text }) => text.replace(/reported: .*/, 'reported'))).to.deep.equal([
      'a flight record of an earlier process cannot be reported',
    ]);
  });

  it('uses the write before the last one when the last one was torn at any byte', async () => {
    const [first, second] = [contentsOf([entry('first', 9_000)]), contentsOf([entry('second', 9_000)])];
    for (let bytes = 0; bytes <= 20 + second.length; bytes += 7) {
      const name = await leave(dataDir(), [first, second]);
      const path = join(dataDir(), 'flight', name);
      const whole = await readFile(path);
      // The second write goes to the first frame. What the disk has not got of it is still zero.
      whole.fill(0, FRAMES_AT + bytes, FRAMES_AT + 20 + second.length);
      await writeFile(path, whole);
      const isWhole = bytes >= 20 + second.length;
      expect(idsOf(await report(dataDir())), `${bytes} bytes`).to.deep.equal([isWhole ? 'second' : 'first']);
    }
  });

  it('uses the write before when the last one is a mixture of two that are valid JSON', async () => {
    const name = await leave(dataDir(), [
      contentsOf([entry('first', 9_000)]),
      contentsOf([entry('mixed', 9_000)]),
    ]);
    const path = join(dataDir(), 'flight', name);
    const bytes = await readFile(path);
    bytes.write('other', bytes.indexOf('mixed'));
    await writeFile(path, bytes);
    expect(idsOf(await report(dataDir()))).to.deep.equal(['first']);
  });

  it('survives any damage of a file', async () => {
    const name = await leave(dataDir(), [contentsOf([entry('a', 9_000)]), contentsOf([entry('b', 9_000)])]);
    const whole = await readFile(join(dataDir(), 'flight', name));
    await report(dataDir());
    const places = fc.oneof(fc.nat(400), fc.integer({ min: FRAMES_AT, max: FRAMES_AT + 250 }));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(places, fc.nat(255))),
        fc.nat(whole.length),
        async (bytes, length) => {
          const damaged = Buffer.from(whole.subarray(0, length));
          for (const [at, byte] of bytes) if (at < length) damaged[at] = byte;
          await writeFile(join(dataDir(), 'flight', name), damaged);
          for (const id of idsOf(await report(dataDir()))) expect(['a', 'b']).to.include(id);
          expect(await names()).to.not.include(name);
        },
      ),
      { numRuns: 100 },
    );
  });

  it('refuses files that are not what it writes, with one line for each', async () => {
    const folder = join(dataDir(), 'flight');
    const secret = join(dataDir(), 'secret');
    await mkdir(folder);
    await writeFile(secret, 'secret');
    const name = (n: number): string => join(folder, `flight-20260101T00000${n}Z-1-0000000a.bin`);
    execFileSync('mkfifo', [name(0)]);
    await mkdir(name(1));
    await symlink(secret, name(2));
    await writeFile(name(3), 'not a record');
    const huge = await open(name(4), 'w');
    await huge.truncate(2 ** 40);
    await huge.close();
    await writeFile(join(folder, 'notes.txt'), 'of an operator');
    const lines = await report(dataDir());
    expect(lines).to.have.length(5);
    for (const { text } of lines)
      expect(text).to.match(/^a flight record of an earlier process cannot be read: /);
    expect(JSON.stringify(lines)).to.not.contain('not a record');
    expect(await report(dataDir())).to.deep.equal([]);
    expect(await names()).to.include('notes.txt');
    expect(await readFile(secret, 'utf8')).to.equal('secret');
  });

  for (const [what, text] of [
    ['no JSON', '{'],
    ['another value', 'null'],
    ['a template with a line break', contentsOf([entry('a', 9_000, '/x\n{"level":60}')])],
    ['a template with an escape of a terminal', contentsOf([entry('a', 9_000, '/\u001b[2J')])],
    ['an id that a request cannot have', contentsOf([entry('a b', 9_000)])],
    ['an id of 65 characters', contentsOf([entry('a'.repeat(65), 9_000)])],
    [
      'a time that no date has',
      contentsOf([entry('a', 9_000)]).replace(/"seenAt":\d+/, `"seenAt":${2 ** 53 - 1}`),
    ],
    ['a start that is no time', contentsOf([['GET', '/hang', 'a', -1e300]])],
    ['more requests than a record has', contentsOf(Array.from({ length: 129 }, () => entry('a', 9_000)))],
  ] as const) {
    it(`refuses a text with ${what}`, async () => {
      await leave(dataDir(), [text]);
      const lines = await report(dataDir());
      expect(lines.map((line) => line.text)).to.deep.equal([
        'a flight record of an earlier process cannot be read: its text is not valid',
      ]);
    });
  }
});
