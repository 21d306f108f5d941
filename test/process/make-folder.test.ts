import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { makeFolder } from '#src/process/make-folder.js';
import { rejection } from '../db/fixtures/open.js';

describe('makeFolder', () => {
  let root: string;
  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'multilane-folder-'));
  });
  after(() => rm(root, { recursive: true }));

  it('makes the missing folders above, and returns whether the folder was missing', async () => {
    const path = join(root, 'a/b/c');
    expect(await makeFolder(path)).to.equal(true);
    expect((await stat(path)).isDirectory()).to.equal(true);
    expect(await makeFolder(path)).to.equal(false);
  });

  it('lets several callers make the same path at once', async () => {
    const path = join(root, 'd/e/f');
    const made = await Promise.all(Array.from({ length: 8 }, () => makeFolder(path)));
    expect(made.filter(Boolean)).to.have.length(1);
  });

  it('fails where a file is in the way', async () => {
    await writeFile(join(root, 'file'), '');
    expect(await rejection(makeFolder(join(root, 'file')))).to.have.property('code', 'EEXIST');
    expect(await rejection(makeFolder(join(root, 'file/below')))).to.have.property('code', 'ENOTDIR');
  });

  it('fails, instead of never returning, where no folder can be made', async function () {
    if (process.platform !== 'linux') this.skip();
    expect(await rejection(makeFolder('/proc/absent/data'))).to.have.property('code', 'ENOENT');
  });
});
