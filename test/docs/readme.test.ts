// The first steps of the README, as a newcomer runs them: `npm start`, then the commands in the blocks
// of `sh`.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { cleanEnvironment, newDataDir } from '#test/support/cluster.js';
import { reap } from '#test/support/leftovers.js';
import { type Started, startThrough } from '#test/support/start-through.js';
import { until } from '#test/support/until.js';
import { asPattern, blocksOf, stepsOf } from './steps.js';

const page = readFileSync('README.md', 'utf8');
const section = (title: string): string => page.split(/^## /m).find((text) => text.startsWith(`${title}\n`))!;
const blocks = (title: string, language: string): readonly string[] => blocksOf(section(title), language);

/** The part of a line of `GET /workers` that is read here. */
interface Worker {
  readonly state: string;
  readonly generation: number;
}

describe('the first steps of the README', () => {
  const [commands = '', ...more] = blocks('The reference shop', 'sh');
  const steps = more.flatMap(stepsOf);
  const dataDir = newDataDir();
  /** A folder with the only programs that the page may use. */
  const bin = join(dataDir, 'bin');
  let started: Started;

  before(async function () {
    this.timeout(60_000);
    const curl = spawnSync('which', ['curl'], { encoding: 'utf8' }).stdout.trim();
    if (curl === '') {
      this.test!.parent!.title += ' (pending: curl is not installed)';
      this.skip();
    }
    mkdirSync(bin);
    symlinkSync(curl, join(bin, 'curl'));
    expect(commands).to.match(/^npm start /);
    started = await startThrough('npm', ['start'], dataDir, { DRAIN_MS: '500' });
  });
  after(async function () {
    this.timeout(30_000);
    started?.child.kill('SIGTERM');
    await started?.exited();
    await reap(dataDir);
    rmSync(dataDir, { recursive: true, force: true });
  });

  /** Runs a command in a shell, on the ports of this test, and returns its output. */
  const type = (command: string): string => {
    const here = command
      .replaceAll('localhost:8080', new URL(started.url).host)
      .replaceAll('localhost:9901', new URL(started.adminUrl).host);
    const { status, stdout, stderr } = spawnSync('/bin/sh', ['-c', here], {
      env: { ...cleanEnvironment(), PATH: bin },
      encoding: 'utf8',
    });
    expect({ status, stderr }, here).to.deep.equal({ status: 0, stderr: '' });
    return stdout;
  };

  it('need only curl, and print the output that the page shows', () => {
    expect(steps.map(({ prints }) => prints)).to.include(
      '{"sagaId":"…","status":"completed","userId":1,"orderId":1,"paymentId":1}',
    );
    for (const { command, prints } of steps) {
      const printed = type(command);
      expect(printed, command).to.not.equal('').and.not.include('urn:multilane:problem');
      if (prints !== undefined) expect(printed).to.match(asPattern(prints));
    }
  });

  it('can be repeated: the first request returns the same order, and another key starts another one', async () => {
    // The last step has begun a reload. A checkout that waits in a worker that drains may get 202 `running`.
    await until(
      async () => (await (await fetch(`${started.adminUrl}/workers`)).json()) as Worker[],
      (workers) => workers.every(({ state, generation }) => state === 'ready' && generation > 1),
    );
    const { command } = steps[0]!;
    expect(type(command)).to.equal(type(command)).and.match(asPattern(steps[0]!.prints!));
    const another = command
      .replace('order-1', 'order-2')
      .replace('ada@', 'bob@')
      .replace('tok_ok', 'tok_declined');
    expect(JSON.parse(type(another))).to.deep.include({ status: 402, code: 'SAGA_COMPENSATED' });
  });
});
