import { mkdir, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { claimantOf } from '#src/flight-record/claimant.js';
import { RecordFolder } from '#src/flight-record/record-folder.js';
import { type ProcessIdentity, thisProcess } from '#src/process/process-identity.js';
import {
  claimAs,
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

/** Another process that had our pid: a start that has ended since. */
const endedStart = (): ProcessIdentity => ({ ...thisProcess(), startTime: '2' });

describe('the claim of a file of a killed process', () => {
  const dataDir = useDataDir();
  const names = () => readdir(join(dataDir(), 'flight'));
  const kinds = async () => (await names()).map((name) => name.split('-')[0]);
  const killed = (owner = endedProcess()) => leave(dataDir(), [contentsOf([entry('a', 9_000)])], owner);

  it('is taken over from a start that died before it logged anything', async () => {
    await killed();
    await claimAs(dataDir(), endedStart());
    expect(idsOf(await prepare(dataDir()))).to.deep.equal(['a']);
    expect(await kinds()).to.deep.equal(['ended']);
    expect(await report(dataDir()), 'at the next start').to.deep.equal([]);
  });

  it('is taken over from a start that died before its lines were written', async () => {
    await killed();
    const dies = { self: endedStart(), written: async () => false };
    expect(idsOf(await report(dataDir(), 1, '', dies)), 'in a buffer').to.deep.equal(['a']);
    expect(await kinds()).to.deep.equal(['claim']);
    expect(idsOf(await report(dataDir()))).to.deep.equal(['a']);
    expect(await kinds()).to.deep.equal(['ended']);
  });

  it('becomes final when the lines are written', async () => {
    await killed();
    const seen: unknown[] = [];
    const written = async (): Promise<boolean> => {
      seen.push(await kinds());
      return true;
    };
    expect(idsOf(await report(dataDir(), 1, '', { written }))).to.deep.equal(['a']);
    expect(seen).to.deep.equal([['claim']]);
    expect(await kinds()).to.deep.equal(['ended']);
  });

  it('is taken over once when several processes start at the same time', async () => {
    await killed();
    await claimAs(dataDir(), endedStart());
    const lines = (await Promise.all(Array.from({ length: 8 }, () => report(dataDir())))).flat();
    expect(idsOf(lines)).to.deep.equal(['a']);
  });

  it('is left to a process that runs, also for room', async () => {
    for (let n = 0; n < 4; n++) {
      await killed();
      await claimAs(dataDir(), thisProcess());
    }
    expect(await report(dataDir())).to.deep.equal([]);
    expect(await kinds()).to.deep.equal(['claim', 'claim', 'claim', 'claim']);
  });

  it('is watched when its process is of another container, whose pid may be ours', async () => {
    await killed(foreignProcess());
    const claim = await claimAs(dataDir(), foreignProcess());
    const folder = await RecordFolder.open(dataDir());
    const reading = report(dataDir(), 500);
    setTimeout(() => void folder.settle(claim), 50);
    expect(await reading, 'the claimant has reported it').to.deep.equal([]);
    await rename(join(folder.path, (await names())[0]!), join(folder.path, claim.name));
    expect(idsOf(await report(dataDir()))).to.deep.equal(['a']);
  });

  it('keeps requests from being removed for room, as long as no log has them', async () => {
    await killed();
    await claimAs(dataDir(), foreignProcess());
    for (let n = 1; n < 4; n++)
      await leave(dataDir(), [], foreignProcess(), new Date(Date.now() + n * 1_000));
    expect(await prepare(dataDir())).to.deep.equal([]);
    expect(await kinds()).to.deep.equal(['claim', 'flight']);
  });

  it('is taken over from a process that no system has', async () => {
    const name = await killed();
    const claimant = claimantOf(thisProcess()).replace(/^\d+/, '9999999999');
    const claimed = name.replace('flight-', 'claim-').replace('.bin', `-by-${claimant}.bin`);
    await rename(join(dataDir(), 'flight', name), join(dataDir(), 'flight', claimed));
    expect(idsOf(await report(dataDir()))).to.deep.equal(['a']);
  });

  it('is removed with a warning when the reported file cannot be kept', async () => {
    const name = await killed();
    await mkdir(join(dataDir(), 'flight', name.replace('flight-', 'ended-'), 'of an operator'), {
      recursive: true,
    });
    const lines = await report(dataDir());
    expect(idsOf(lines)).to.deep.equal(['a']);
    expect(lines.at(-1)?.text).to.match(/^a flight record of an earlier process cannot be kept: /);
    expect(await kinds()).to.deep.equal(['ended']);
  });
});
