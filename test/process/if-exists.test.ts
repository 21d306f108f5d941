import { constants } from 'node:os';
import { expect } from 'chai';
import { ifExists } from '#src/process/if-exists.js';
import { readBeat } from '#src/process/owner-liveness.js';
import { stateFromError } from '#src/unix-socket.js';
import { rejection } from '../db/fixtures/open.js';

const failure = (code: string): NodeJS.ErrnoException =>
  Object.assign(new Error(`${code}: it fails`), { code });

describe('an access to a file that fails', () => {
  const codes = Object.keys(constants.errno);

  it('means that the file is missing for ENOENT, and for no other error of the system', async () => {
    expect(codes).to.have.length.above(70).and.include.members(['ENOENT', 'EMFILE', 'EACCES', 'EIO']);
    for (const code of codes) {
      const error = failure(code);
      if (code === 'ENOENT') expect(await ifExists(Promise.reject(error))).to.equal(undefined);
      else expect(await rejection(ifExists(Promise.reject(error)))).to.equal(error);
    }
    expect(await ifExists(Promise.resolve('text'))).to.equal('text');
  });

  it('means that there is no heartbeat for ENOENT, and for no other error', async () => {
    for (const code of codes) {
      const beat = readBeat('owner-1.beat', () => Promise.reject(failure(code)));
      if (code === 'ENOENT') expect(await beat).to.equal('');
      else expect(await rejection(beat)).to.include({ code });
    }
  });

  it('means that no process listens at a socket only for the errors that report that', () => {
    const known: Record<string, string> = { ENOENT: 'absent', ECONNREFUSED: 'refusing', EAGAIN: 'listening' };
    for (const code of codes) {
      const state = (): string => stateFromError(failure(code), '/data/a.sock');
      if (known[code] !== undefined) expect(state(), code).to.equal(known[code]);
      else expect(state).to.throw('/data/a.sock').that.includes({ code });
    }
  });
});
