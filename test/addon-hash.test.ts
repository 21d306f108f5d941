import { copyFileSync, mkdtempSync, readdirSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { expect } from 'chai';
import { StartError } from '#src/errors.js';
import { ADDON_SHA256, AddonMissing, addonFile, addonFolder, verifyAddon } from '#src/process/addon-hash.js';

describe('the prebuilt addon', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'multilane-addon-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('is the pinned one in this process', () => {
    expect(() => verifyAddon()).to.not.throw();
  });

  it('is pinned for every platform that the package contains', () => {
    const shipped = readdirSync(addonFolder()).filter((name) => name.endsWith('.node'));
    expect(Object.keys(ADDON_SHA256)).to.have.members(shipped);
  });

  it('is refused when it was changed', () => {
    const changed = join(folder, basename(addonFile()));
    copyFileSync(addonFile(), changed);
    expect(() => verifyAddon(changed)).to.not.throw();
    truncateSync(changed, 1_000_000);
    expect(() => verifyAddon(changed)).to.throw(StartError, /is not the pinned build/);
  });

  it('is refused under a name that is not pinned', () => {
    const renamed = join(folder, 'uws_linux_x64_999.node');
    copyFileSync(addonFile(), renamed);
    expect(() => verifyAddon(renamed)).to.throw(StartError, /is not the pinned build/);
  });

  it('is refused when it is missing', () => {
    expect(() => verifyAddon(addonFile(folder))).to.throw(AddonMissing, /is missing; run "npm ci"/);
  });
});
