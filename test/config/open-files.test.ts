import { expect } from 'chai';
import { openFileLimit, openFilesIn } from '#src/config/open-files.js';
import { settings } from './loading.js';

describe('the limit of open files', () => {
  it('is the soft one of proc(5), and as good as none where that is unlimited or cannot be read', () => {
    const line =
      'Max processes     7 7 processes\nMax open files            1024                 4096    files \n';
    expect(openFilesIn(line)).to.equal(1024);
    const none = Number.MAX_SAFE_INTEGER;
    expect(openFilesIn('Max open files            unlimited  unlimited   files\n')).to.equal(none);
    expect(openFilesIn(undefined)).to.equal(none);
    expect(openFileLimit()).to.be.greaterThan(0);
  });

  it('bounds connections by default, with a tenth left for everything else', async () => {
    expect((await settings({ openFiles: 1000 })).maxConnections).to.equal(900);
    expect((await settings({ openFiles: 1 })).maxConnections).to.equal(1);
    expect((await settings({ openFiles: Number.MAX_SAFE_INTEGER })).maxConnections).to.equal(1_048_576);
    expect((await settings({ argv: ['--max-connections', '5'] })).maxConnections).to.equal(5);
  });
});
