import { expect } from 'chai';
import type { ChosenCore } from '#src/config/chosen-core.js';
import { load, refusal, running } from './loading.js';

const NODE: ChosenCore = { core: 'node', why: 'no build for this platform', sharesPort: true };
const ALONE: ChosenCore = { ...NODE, sharesPort: false };
const chosen = (core: ChosenCore) => ({ chooseCore: () => core });

describe('the settings that depend on the HTTP core', () => {
  it('are those of uws by default', async () => {
    const { settings, warnings } = await running();
    expect(settings).to.include({ httpCore: 'uws', sharding: 'acceptor', workers: 4 });
    expect(warnings).to.deep.equal([]);
  });

  it('are given to the choice as they were written', async () => {
    const asked: unknown[] = [];
    await load({
      argv: ['--http-core', 'node', '--max-url-bytes', '2000'],
      env: { MAX_HEADER_BYTES: '9000' },
      chooseCore(what) {
        asked.push(what);
        return NODE;
      },
    });
    expect(asked).to.deep.equal([
      { httpCore: 'node', httpCoreWritten: '--http-core', maxHeaderBytes: 9000, maxUrlBytes: 2000 },
    ]);
  });

  it('are reuseport with all workers on the core node, where threads can share a port', async () => {
    const { settings, core, warnings } = await running({ ...chosen(NODE) });
    expect(settings).to.include({ httpCore: 'node', sharding: 'reuseport', workers: 4 });
    expect(core).to.equal(NODE);
    expect(warnings).to.deep.equal([]);
  });

  it('are one worker, with one warning, where they cannot', async () => {
    const { settings, warnings } = await running({ env: { WORKERS: '3' }, ...chosen(ALONE) });
    expect(settings).to.include({ httpCore: 'node', sharding: 'single', workers: 1 });
    expect(warnings).to.have.length(1);
    expect(warnings[0]).to.match(/^WORKERS: one HTTP worker runs instead of 3, because .*Node\.js 22\.12/);
  });

  it('are one worker, with one warning that names no setting, where none was set', async () => {
    const { settings, warnings } = await running({ ...chosen(ALONE) });
    expect(settings).to.include({ sharding: 'single', workers: 1 });
    expect(warnings).to.have.length(1);
    expect(warnings[0]).to.match(/^one HTTP worker runs instead of 4, because .*Node\.js 22\.12/);
  });

  it('need no warning for WORKERS=1', async () => {
    const { settings, warnings } = await running({ argv: ['--workers', '1'], ...chosen(ALONE) });
    expect(settings).to.include({ sharding: 'single', workers: 1 });
    expect(warnings).to.deep.equal([]);
  });

  it('include what the number of workers decides', async () => {
    const connectionsOf = async (core: ChosenCore): Promise<number> =>
      (await running({ env: { WORKERS: '64' }, openFiles: 4096, ...chosen(core) })).settings.maxConnections;
    const one = (await running({ env: { WORKERS: '1' }, openFiles: 4096 })).settings.maxConnections;
    expect(await connectionsOf(ALONE)).to.equal(one);
    expect(await connectionsOf(NODE)).to.be.lessThan(one);
  });

  it('refuse an acceptor beside HTTP_CORE=node', async () => {
    const argv = ['--sharding', 'acceptor', '--http-core', 'node'];
    expect(await refusal({ argv })).to.equal(
      '78 --sharding: acceptor needs the HTTP core uws, but --http-core selects node: leave acceptor out',
    );
  });

  it('ignore an acceptor with a warning where HTTP_CORE=auto falls back to node', async () => {
    const { settings, warnings } = await running({ env: { SHARDING: 'acceptor' }, ...chosen(NODE) });
    expect(settings.sharding).to.equal('reuseport');
    expect(warnings).to.deep.equal([
      'SHARDING: acceptor needs the HTTP core uws, which cannot run here, so it is ignored; leave it out',
    ]);
  });

  it('pass on the warning of the choice', async () => {
    const { warnings } = await running(chosen({ ...NODE, warning: 'run npm ci' }));
    expect(warnings).to.deep.equal(['run npm ci']);
  });

  it('are shown by --check with the reason', async () => {
    const loaded = await load({ argv: ['--check', '--workers', '3'], ...chosen(ALONE) });
    const text = loaded.kind === 'check' ? loaded.text : '';
    expect(text).to.match(/^HTTP_CORE +auto {2}# default$/m);
    expect(text).to.match(/^HTTP core +node \(no build for this platform\)$/m);
    expect(text).to.match(/^SHARDING +reuseport {2}# default$/m);
    expect(text).to.match(/^WORKERS +1 {2}# --workers$/m);
    expect(text).to.match(/^warning: --workers: one HTTP worker runs instead of 3, because/m);
  });
});
