import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { lazyModule } from '#src/lazy-module.js';
import { canOpen, isOutOfFiles } from '#src/open-files.js';
import { canLimitFiles, descriptorsOf, withoutFiles } from '#test/support/open-files.js';

describe('a process without file descriptors', () => {
  before(function () {
    if (!canLimitFiles()) this.skip();
  });

  it('detects that no file can be opened, and leaves no file open', async () => {
    const before = descriptorsOf(process.pid).length;
    expect(canOpen(100)).to.equal(true);
    expect(await withoutFiles(() => [canOpen(1), canOpen(100)])).to.deep.equal([false, false]);
    expect(canOpen(100)).to.equal(true);
    expect(descriptorsOf(process.pid)).to.have.length(before);
  });

  it('recognizes errors caused by it by their code', async () => {
    const error = await withoutFiles(
      () => new Promise((resolve) => void import('node:fs').then(({ open }) => open('/dev/null', resolve))),
    );
    expect(isOutOfFiles(error)).to.equal(true);
    expect(
      [new Error('EMFILE'), Object.assign(new Error('x'), { code: 'ENOENT' }), undefined].some(isOutOfFiles),
    ).to.equal(false);
  });

  describe('that loads a lazy module', () => {
    const folder = mkdtempSync(join(tmpdir(), 'multilane-late-'));
    const require = createRequire(join(folder, 'x.js'));
    after(() => rmSync(folder, { recursive: true }));
    const packageOf = (name: string): void => {
      require('node:fs').mkdirSync(join(folder, 'node_modules', name), { recursive: true });
      writeFileSync(join(folder, 'node_modules', name, 'package.json'), '{ "main": "./main.js" }');
      writeFileSync(join(folder, 'node_modules', name, 'main.js'), 'module.exports = { loaded: true };');
    };

    it('does not try to load it, so that it can be loaded later', async () => {
      packageOf('late');
      const late = lazyModule(() => require('late') as unknown);
      const thrown = await withoutFiles(() => {
        try {
          return late();
        } catch (error) {
          return error;
        }
      });
      expect(thrown).to.include({ code: 'OVERLOADED', status: 503 });
      expect(late()).to.deep.equal({ loaded: true });
      expect(late()).to.equal(late());
    });
  });
});
