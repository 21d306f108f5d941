import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { parsePeer, readAbsentPeers, readPeers } from '#bench/subjects/peer-file.js';
import { isOnPath, preparePeer, subjectOf } from '#bench/subjects/prepare-peer.js';
import { shortReason } from '#bench/subjects/subject.js';

const PEER = { name: 'Some', shapes: ['json'], command: ['node', 'server.js'], needs: [], why: 'a test' };
const parse = (changes: Readonly<Record<string, unknown>>) =>
  parsePeer(JSON.stringify({ ...PEER, ...changes }), '/peers/some');

describe('the declaration of a peer', () => {
  it('may leave out what is not needed', () => {
    expect(parse({ needs: undefined, build: [] })).to.deep.include({
      needs: [],
      install: undefined,
      build: undefined,
    });
  });

  for (const [what, changes, message] of [
    ['no shapes', { shapes: [] }, '"shapes" must not be empty'],
    ['an unknown shape', { shapes: ['jsonn'] }, '"shapes" has "jsonn"'],
    ['an unknown member', { neds: [] }, '"neds" is not one of'],
    ['an empty command', { command: [] }, '"command" must name a program'],
    ['a command as text', { command: 'node server.js' }, '"command" must be an array of strings'],
    ['no reason', { why: '' }, '"why" must be a text'],
  ] as const) {
    it(`is refused with ${what}, naming the file`, () => {
      expect(() => parse(changes)).to.throw(`/peers/some/peer.json: ${message}`);
    });
  }

  it('is refused when it is no JSON', () => {
    expect(() => parsePeer('{', '/peers/some')).to.throw('/peers/some/peer.json: no JSON');
    expect(() => parsePeer('null', '/peers/some')).to.throw('an object is expected');
  });

  it('is right for every peer of this repository, and no two have one name', () => {
    const names = readPeers('bench/peers').map(({ name }) => name);
    expect(names).to.include('C epoll');
    expect(new Set(names).size).to.equal(names.length);
  });
});

describe('the list of peers that cannot be installed', () => {
  it('may be missing', () => {
    expect(readAbsentPeers(tmpdir())).to.deep.equal([]);
  });

  it('becomes rows with their reasons', () => {
    const folder = mkdtempSync(join(tmpdir(), 'multilane-peers-'));
    writeFileSync(join(folder, 'not-measured.json'), '[{ "name": "Some", "reason": "no package" }]');
    expect(readAbsentPeers(folder)).to.deep.equal([{ server: 'Some', reason: 'no package' }]);
    rmSync(folder, { recursive: true });
  });
});

describe('a peer', () => {
  let folder: string;
  const peer = (changes: Readonly<Record<string, unknown>>) => ({ ...parse(changes), folder });
  const prepare = (changes: Readonly<Record<string, unknown>>) =>
    preparePeer(peer(changes), 2, () => undefined);

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'multilane-peer-'));
    mkdirSync(join(folder, 'build'));
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  it('is not measured when a program is missing, and says which', async () => {
    const needs = ['node', 'no-such-program'];
    const expected = { server: 'Some', reason: 'no-such-program not installed' };
    expect(await prepare({ needs })).to.deep.equal(expected);
    const hinted = (await prepare({ needs, packages: ['one', 'two'] })) as { reason: string };
    expect(hinted.reason).to.equal('no-such-program not installed (Debian packages: one two)');
  });

  it('is not measured when its build fails, and says why', async () => {
    const build = ['node', '-e', 'console.error("first\\nno compiler"); process.exit(3)'];
    expect(await prepare({ build })).to.deep.equal({
      server: 'Some',
      reason: 'build failed: first / no compiler',
    });
  });

  it('is not measured when its install cannot be started', async () => {
    const { reason } = (await prepare({ install: ['build/nothing'] })) as { reason: string };
    expect(reason).to.match(/^install failed: .*ENOENT/);
  });

  it('is installed and built once for the same files, and again when one changes', async () => {
    const append = (text: string) => ['node', '-e', `fs.appendFileSync('build/log', '${text}')`];
    const steps = { install: append('i'), build: append('b') };
    const log = (): string => readFileSync(join(folder, 'build/log'), 'utf8');
    await prepare(steps);
    await prepare(steps);
    expect(log()).to.equal('ib');
    writeFileSync(join(folder, 'server.js'), '// changed');
    await prepare(steps);
    expect(log()).to.equal('ibib');
  });

  it('is started in its folder with the number of workers last', () => {
    expect(subjectOf(peer({}), 3)).to.include({ command: process.execPath, cwd: folder });
    expect(subjectOf(peer({}), 3).args).to.deep.equal(['server.js', '3']);
    expect(subjectOf(peer({ command: ['build/server'] }), 3).command).to.equal(join(folder, 'build/server'));
    expect(subjectOf(peer({ command: ['php', 'a'] }), 3).command).to.equal('php');
    expect(subjectOf(peer({ command: ['/usr/bin/php'] }), 3).command).to.equal('/usr/bin/php');
  });

  it('has the versions of its npm dependencies, and of its Debian packages that are installed', () => {
    expect(subjectOf(peer({}), 1).versions).to.deep.equal([]);
    const dependencies = { some: '1.2.3', '@a/other': '4.5.6' };
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ dependencies }));
    const { versions } = subjectOf(peer({ packages: ['no-such-package'] }), 1);
    expect(versions).to.deep.equal(['some 1.2.3', '@a/other 4.5.6']);
  });

  it('is excluded with what happened and the end of its output, on one line', () => {
    expect(shortReason('some ended before it was ready (1):\na\nb\n\nc\nModuleNotFoundError\n')).to.equal(
      'some ended before it was ready (1): b c ModuleNotFoundError',
    );
    expect(shortReason('x'.repeat(1000))).to.have.length(300);
  });

  it('finds programs on PATH only', () => {
    writeFileSync(join(folder, 'tool'), '', { mode: 0o755 });
    writeFileSync(join(folder, 'text'), '', { mode: 0o644 });
    expect(isOnPath('tool', `/nowhere:${folder}`)).to.equal(true);
    expect(isOnPath('text', folder)).to.equal(false);
    expect(isOnPath('tool', '/nowhere')).to.equal(false);
  });
});
