import { tmpdir } from 'node:os';
import { expect } from 'chai';
import { socketDirectory } from '#src/config/socket-directory.js';

const bytes = (folder: string): number => Buffer.byteLength(`${folder}/.s.PGSQL.5432`);
const USER = 1000;

describe('the folder of the PostgreSQL socket', () => {
  it('is in DATA_DIR', () => {
    expect(socketDirectory({ dataDir: '/srv/shop' }, {}, USER)).to.equal('/srv/shop/pg/socket');
  });

  it('is there up to the longest path of a socket, and not for one more byte', () => {
    const longest = process.platform === 'darwin' ? 103 : 107;
    const fitting = `/${'x'.repeat(longest - bytes('/pg/socket') - 1)}`;
    expect(bytes(socketDirectory({ dataDir: fitting }, {}, USER))).to.equal(longest);
    const beyond = socketDirectory({ dataDir: `${fitting}x` }, {}, USER);
    expect(beyond).to.not.include('pg/socket');
    expect(bytes(beyond)).to.be.at.most(longest);
  });

  it('counts bytes, not characters', () => {
    expect(socketDirectory({ dataDir: `/${'ü'.repeat(60)}` }, {}, USER)).to.not.include('pg/socket');
  });

  const LONG = { dataDir: `/${'x'.repeat(120)}` };

  it('is otherwise in the run-time directory, always the same for one DATA_DIR and different for another', () => {
    const env = { XDG_RUNTIME_DIR: tmpdir() };
    const folder = socketDirectory(LONG, env, USER);
    expect(folder).to.match(/\/multilane-[0-9a-f]{16}$/);
    expect(folder.startsWith(tmpdir())).to.equal(true);
    expect(socketDirectory(LONG, env, USER)).to.equal(folder);
    expect(socketDirectory({ dataDir: `${LONG.dataDir}x` }, env, USER)).to.not.equal(folder);
  });

  it('is not in a run-time directory that is missing, relative or itself too long', () => {
    for (const XDG_RUNTIME_DIR of ['/nonexistent', 'relative', `/tmp/${'../tmp/'.repeat(20)}`]) {
      expect(socketDirectory(LONG, { XDG_RUNTIME_DIR }, USER)).to.match(/^\/tmp\/multilane-[0-9a-f]{16}$/);
    }
  });

  it('is not in the private directory of root, because PostgreSQL runs as another user', () => {
    expect(socketDirectory(LONG, { XDG_RUNTIME_DIR: tmpdir() }, 0)).to.match(/^(\/run|\/tmp)\/multilane-/);
  });
});
