import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { RecordFolder } from '#src/flight-record/record-folder.js';
import { contentsOf, entry, idsOf, leave, prepare, report, useDataDir } from './kit.js';

/** Leaves what a process leaves that is killed while it makes its file. */
const leaveUnnamed = async (folder: RecordFolder, second = 0): Promise<string> => {
  const name = `new-20260101T0000${String(second).padStart(2, '0')}Z-4711-0000000a.bin`;
  await writeFile(join(folder.path, name), '');
  return name;
};

describe('the file of a process that is making it', () => {
  const dataDir = useDataDir();
  const open = () => RecordFolder.open(dataDir());

  it('is kept by a start that runs before its first bytes are written', async () => {
    for (const id of ['a', 'b']) await leave(dataDir(), [contentsOf([entry(id, 9_000)])]);
    expect(idsOf(await prepare(dataDir()))).to.have.members(['a', 'b']);
    const folder = await open();
    let lines: unknown;
    // Node.js waits for these bytes, so the other start runs in between.
    const bytes = (async function* () {
      lines = await prepare(dataDir());
      yield Buffer.from('first');
    })();
    const { name, file } = await folder.create(4711, new Date(), bytes as unknown as Buffer);
    expect(lines).to.deep.equal([]);
    expect(await folder.has(name, file)).to.equal(true);
    expect(String(await folder.read(name))).to.equal('first');
    await file.close();
  });

  it('is removed without a word when its process was killed before it had its name', async () => {
    const folder = await open();
    await leaveUnnamed(folder);
    expect(await report(dataDir())).to.deep.equal([]);
    expect(await readdir(folder.path)).to.deep.equal([]);
  });

  it('is one of a few that are kept, however often a start is killed at this point', async () => {
    const folder = await open();
    for (let second = 0; second < 20; second++) await leaveUnnamed(folder, second);
    expect(await prepare(dataDir())).to.deep.equal([]);
    const left = (await readdir(folder.path)).sort();
    expect([left.length, left[0]?.slice(0, 20)]).to.deep.equal([8, 'new-20260101T000012Z']);
  });

  it('is gone when it cannot be written', async () => {
    const folder = await open();
    const failure = await folder.create(1, new Date(), 1 as never).catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(Error);
    expect(await readdir(folder.path)).to.deep.equal([]);
  });
});
