// Which files stay in memory: those whose version can be trusted to name one content.
import { mkdtempSync, realpathSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { FileContents, type SmallFile } from '#src/server/response/file-contents.js';
import { SmallFileReader } from '#src/server/response/small-file-reader.js';

const OLD = new Date(Date.UTC(2020, 0, 1));
const local = async (): Promise<boolean> => true;

describe('the reader of small files', () => {
  let base: string;
  let contents: FileContents;
  before(() => {
    base = realpathSync(mkdtempSync(join(tmpdir(), 'multilane-small-file-')));
  });
  after(() => rmSync(base, { recursive: true }));
  beforeEach(() => {
    contents = new FileContents();
  });

  /** @param afterMs the time from the last change of the file, or of its inode, to the reading */
  async function read(
    name: string,
    bytes: number,
    { afterMs = 60_000, isLocal = local } = {},
  ): Promise<{ readonly found: SmallFile | 'large' | undefined; readonly isKept: boolean }> {
    const real = join(base, name);
    writeFileSync(real, Buffer.alloc(bytes, 'x'));
    utimesSync(real, OLD, OLD);
    const stats = statSync(real, { bigint: true });
    const reader = new SmallFileReader(contents, () => Number(stats.ctimeMs) + afterMs, isLocal);
    const found = await reader.read({ real, stats });
    return { found, isKept: contents.find(real, stats) !== undefined };
  }
  const lengthOf = (found: SmallFile | 'large' | undefined): number => (found as SmallFile).bytes.length;

  it('keeps no file of a network file system or an image, and reads it each time', async () => {
    const { found, isKept } = await read('remote.txt', 10, { isLocal: async () => false });
    expect(lengthOf(found)).to.equal(10);
    expect(isKept).to.equal(false);
    expect(contents.bytes).to.equal(0);
    expect((await read('remote.txt', 10)).isKept, 'the same file on a local one').to.equal(true);
  });

  it('does not ask for the file system of a file that is too young anyway', async () => {
    const isLocal = () => Promise.reject(new Error('asked'));
    expect(lengthOf((await read('young.txt', 10, { afterMs: 0, isLocal })).found)).to.equal(10);
  });

  it('keeps no file whose inode alone has just changed: a program can set the other time', async () => {
    expect((await read('touched.txt', 10, { afterMs: 1999 })).isKept).to.equal(false);
    expect((await read('touched.txt', 10, { afterMs: 2000 })).isKept).to.equal(true);
  });

  it('keeps a file of 65,536 bytes, and none that is larger by one', async () => {
    const most = await read('most.bin', 65_536);
    expect(lengthOf(most.found)).to.equal(65_536);
    expect(most.isKept).to.equal(true);
    expect(await read('large.bin', 65_537)).to.deep.equal({ found: 'large', isKept: false });
  });
});
