// The child of `multilane dev`, with a small program in place of the process of a project.

import type { ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { DevProcess } from '#src/cli/dev-process.js';

/** It is ready at once. A reload is done at once; with the argument `ends`, the process ends instead. */
const CHILD = `
process.on('message', (message) => {
  if (message === 'addresses') process.send({ dataPlane: '', adminPlane: 'http://127.0.0.1:1' });
  if (message?.dev !== 'reload') return;
  if (process.argv[2] === 'ends') process.exit(3);
  process.send({ dev: 'reloaded', isDone: true, failure: undefined });
});
process.send('ready');
`;

/** The number of listeners of each event. */
const listenersOf = (child: ChildProcess): Readonly<Record<string, number>> =>
  Object.fromEntries(child.eventNames().map((name) => [String(name), child.listenerCount(name)]));

describe('the process of multilane dev', () => {
  let folder: string;
  let entry: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'multilane-dev-process-'));
    entry = join(folder, 'child.mjs');
    await writeFile(entry, CHILD);
  });
  after(() => rm(folder, { recursive: true }));

  /** A child that is ready. */
  async function started(...args: readonly string[]): Promise<{ dev: DevProcess; child: ChildProcess }> {
    const children: ChildProcess[] = [];
    const dev = new DevProcess(entry, args, {
      died: () => undefined,
      ready: () => undefined,
      started: (child) => children.push(child),
    });
    dev.start();
    await dev.settled();
    expect(dev.state).to.equal('ready');
    return { dev, child: children[0]! };
  }

  it('has as many listeners after many reloads as after none', async () => {
    const { dev, child } = await started();
    try {
      const before = listenersOf(child);
      for (let count = 0; count < 12; count++) expect((await dev.reload())?.isDone).to.equal(true);
      expect(listenersOf(child)).to.deep.equal(before);
    } finally {
      await dev.stop();
    }
  });

  it('ends a reload without a result when the process ends', async () => {
    const { dev } = await started('ends');
    expect(await dev.reload()).to.equal(undefined);
    expect(dev.state).to.equal('gone');
    expect(await dev.reload()).to.equal(undefined);
    await dev.stop();
  });
});
