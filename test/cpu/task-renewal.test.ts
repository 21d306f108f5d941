import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { until } from '#test/support/until.js';
import { TestPool } from './task-kit.js';

describe('the code of CPU tasks', () => {
  let folder: string;
  let kit: TestPool;
  const write = (version: number): Promise<void> =>
    writeFile(
      join(folder, 'tasks.mjs'),
      `export const version = () => ${version};
       export const slow = async (ms) => { await new Promise((done) => setTimeout(done, ms)); return ${version}; };`,
    );
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'multilane-tasks-'));
    await write(1);
    kit = new TestPool(2, { tasks: pathToFileURL(join(folder, 'tasks.mjs')) });
  });
  after(async () => {
    await kit.close();
    await rm(folder, { recursive: true });
  });
  const versions = (): Promise<unknown[]> =>
    Promise.all(Array.from({ length: 8 }, () => kit.cpu.run('version', null)));

  it('is loaded anew by all tasks after `renew`, while those that run end with theirs', async () => {
    expect(new Set(await versions())).to.deep.equal(new Set([1]));
    const running = kit.cpu.run('slow', 300);
    await until(
      () => kit.pool.running,
      (count) => count === 1,
    );
    await write(2);
    expect(new Set(await versions())).to.deep.equal(new Set([1]));
    kit.pool.renew();
    expect(new Set(await versions())).to.deep.equal(new Set([2]));
    expect(await running).to.equal(1);
    // The threads of before are gone, and those of now may be renewed again.
    await until(
      () => kit.pool.liveThreads,
      (size) => size <= 2,
    );
    await write(3);
    kit.pool.renew();
    kit.pool.renew();
    expect(new Set(await versions())).to.deep.equal(new Set([3]));
    expect(kit.pool.unfinished).to.deep.equal([]);
  });

  it('is renewed under load without a task lost', async () => {
    const results: unknown[] = [];
    const load = Promise.all(
      Array.from({ length: 100 }, async (_, n) => results.push(await kit.cpu.run('slow', n % 7))),
    );
    for (let round = 0; round < 10; round++) {
      kit.pool.renew();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await load;
    expect(results)
      .to.have.length(100)
      .and.to.satisfy((all: unknown[]) => all.every((one) => one === 3));
  });
});
