import { existsSync, statSync } from 'node:fs';
import { link, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { OwnerPresence } from '#src/process/owner-presence.js';
import { socketState } from '#src/unix-socket.js';
import { canLimitFiles, withoutFiles } from '#test/support/open-files.js';
import { silentLog } from '#test/support/silent-log.js';

describe('the presence of an owner', () => {
  let folder: string;
  let presence: OwnerPresence;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'multilane-presence-'));
    presence = new OwnerPresence(folder, silentLog);
    await presence.start(1);
  });
  afterEach(async () => {
    await presence.close();
    await rm(folder, { recursive: true });
  });

  const file = (kind: string): string => join(folder, `owner-1.${kind}`);
  const state = (): Promise<string> => socketState(folder, 'owner-1.sock');

  for (const [removed, other] of [
    ['sock', 'beat'],
    ['beat', 'sock'],
  ] as const) {
    it(`makes only the missing file again: ${removed}, not ${other}`, async () => {
      const { ino } = statSync(file(other));
      await rm(file(removed));
      await presence.restoreFiles();
      expect(existsSync(file(removed))).to.equal(true);
      expect(statSync(file(other)).ino).to.equal(ino);
      expect(await state()).to.equal('listening');
    });
  }

  it('keeps its socket while no other one can be made', async () => {
    await link(file('sock'), join(folder, 'first.sock')); // a second name of the socket
    await rm(file('sock'));
    await mkdir(file('sock')); // in the way of a new one
    await presence.start(1);
    expect(await socketState(folder, 'first.sock')).to.equal('listening');
    await rm(file('sock'), { recursive: true });
    await presence.restoreFiles();
    expect(await state()).to.equal('listening');
    expect(await socketState(folder, 'first.sock')).to.equal('refusing');
  });

  it('keeps its socket when there are no file descriptors, and makes the missing file later', async function () {
    if (!canLimitFiles()) this.skip();
    await rm(file('beat'));
    for (const attempt of [() => presence.restoreFiles(), () => presence.start(1)]) {
      await withoutFiles(attempt);
      expect(await state()).to.equal('listening');
    }
    await presence.restoreFiles();
    expect(existsSync(file('beat'))).to.equal(true);
  });
});
