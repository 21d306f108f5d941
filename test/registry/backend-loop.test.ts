// The loop that all shared registries have in common: what it announces, and what it tells of others.
import { expect } from 'chai';
import { until } from '#test/support/until.js';
import { instance, posts, refusal, Scripted, useLoops } from './scripted-loop.js';

describe('the loop of a shared registry', () => {
  const made = useLoops();

  it('sends all parts again of which it is not known that they have arrived', async () => {
    const loop = made(2);
    let calls = 0;
    loop.post = () => {
      calls += 1;
      if (calls === 2) throw new Error('lost');
    };
    for (const id of ['a', 'b', 'c', 'd', 'e', 'f']) loop.announce(instance(id));
    expect(await posts(loop, 3)).to.deep.equal(['a b', 'c d', 'e f']);
    // Another link was made at once: that is no outage.
    expect(loop.events).to.deep.equal([]);
  });

  it('sets aside what is refused, and sends it again when it has changed', async () => {
    const loop = made(10);
    let isRefused = true;
    loop.post = (ids) => {
      if (isRefused && ids.includes('c')) throw refusal();
    };
    for (const id of ['a', 'b', 'c', 'd', 'e']) loop.announce(instance(id));
    expect((await posts(loop, 2)).join(' ').split(' ').toSorted()).to.deep.equal(['a', 'b', 'd', 'e']);
    expect(loop.events).to.deep.equal(['rejected orders c not admitted']);
    isRefused = false;
    loop.announce(instance('c', 2));
    expect((await posts(loop, 3)).at(-1)).to.equal('c');
  });

  it('announces what has expired again, and drops what a client has removed', async () => {
    const loop = made(1);
    for (const id of ['a', 'b', 'c']) loop.announce({ ...instance(id), isLocal: id === 'c' });
    await posts(loop, 3);
    loop.tell('expired', 'a');
    loop.tell('gone', 'b');
    loop.tell('gone', 'c');
    expect((await posts(loop, 5)).slice(3)).to.deep.equal(['a', 'c']);
    expect(loop.events).to.deep.equal(['left orders b']);
  });

  it('writes over the row of a stranger under the name of what this process serves, and cedes it to a process', async () => {
    const loop = made(1);
    loop.announce({ ...instance('x'), isLocal: true });
    await posts(loop, 1);
    loop.tellOf('x');
    expect(await posts(loop, 2)).to.deep.equal(['x', 'x']);
    loop.tellOf('x', { isLocal: true });
    loop.announce(instance('y'));
    expect(await posts(loop, 3)).to.deep.equal(['x', 'x', 'y']);
    loop.tell('expired', 'x');
    expect((await posts(loop, 4)).at(-1)).to.equal('x');
  });

  it('makes another link at once when one was lost while it still did what was due', async () => {
    const loop = made(1);
    loop.announce(instance('a'));
    await posts(loop, 1);
    const { links } = loop;
    loop.post = () => loop.loseLink();
    loop.announce(instance('b'));
    expect(
      await until(
        () => loop.links,
        (count) => count > links,
      ),
    ).to.equal(links + 1);
  });

  it('tries an instance again that was refused, and tells of it once', async () => {
    const loop = made(1);
    loop.announce(instance('a'));
    await posts(loop, 1);
    let refusals = 0;
    loop.post = () => {
      refusals += 1;
      if (refusals < 3) throw refusal();
    };
    loop.refuseNow('a');
    expect(await posts(loop, 2)).to.deep.equal(['a', 'a']);
    expect([refusals, loop.events]).to.deep.equal([3, ['rejected orders a no room']]);
  });

  it('takes nothing for gone in the time after an outage, which ends also where links are lost all the time', async () => {
    const loop = made(1, 0.2);
    loop.announce(instance('a'));
    await posts(loop, 1);
    loop.tellAll(['x']);
    expect(loop.events).to.deep.equal(['listed', 'found']);
    const lose = async (): Promise<number> => {
      const { worked } = loop;
      loop.loseLink();
      await until(
        () => loop.worked,
        (count) => count > worked,
      );
      loop.tellAll([]);
      return loop.events.length;
    };
    expect(await lose()).to.equal(2);
    expect(await until(lose, (length) => length > 2)).to.equal(3);
    expect(loop.events).to.deep.equal(['listed', 'found', 'listed']);
  });

  it('takes nothing for gone that is not in a list which is cut', async () => {
    const loop = made(1);
    await until(
      () => loop.worked,
      (count) => count > 0,
    );
    loop.tellAll(['x']);
    loop.tellAll(['y'], false);
    loop.tellAll(['x', 'y']);
    expect(loop.events).to.deep.equal(['listed', 'found', 'found', 'listed']);
  });

  it('leaves the rest to the next turn when a renewal is due', async () => {
    const loop = made(1);
    await until(
      () => loop.worked,
      (count) => count > 0,
    );
    loop.post = () => loop.renewNow();
    const before = loop.worked;
    for (const id of ['a', 'b', 'c']) loop.announce(instance(id));
    expect(await posts(loop, 3)).to.deep.equal(['a', 'b', 'c']);
    expect(loop.worked - before).to.be.at.least(3);
  });

  it('keeps the link that works while a planned one cannot be made, and ends it then', async () => {
    const loop = made(1);
    loop.announce(instance('a'));
    await posts(loop, 1);
    loop.connecting = () => {
      throw new Error('a member is away');
    };
    loop.relinkNow();
    loop.announce(instance('b'));
    await posts(loop, 2);
    expect([loop.links, loop.ended, loop.events]).to.deep.equal([1, 0, []]);
    loop.connecting = () => undefined;
    loop.relinkNow();
    loop.announce(instance('c'));
    await posts(loop, 3);
    expect([loop.links, loop.ended, loop.events]).to.deep.equal([2, 1, []]);
  });

  it('is not postponed by what is due later', async () => {
    const loop = made(1);
    await until(
      () => loop.worked,
      (count) => count > 0,
    );
    // The loop is idle after a turn of timers.
    await new Promise((resolve) => setTimeout(resolve, 5));
    const before = loop.worked;
    loop.due(50);
    const postponing = setInterval(() => loop.due(1_000), 5);
    await until(
      () => loop.worked,
      (count) => count > before,
      5_000,
    );
    clearInterval(postponing);
    expect(loop.worked).to.be.above(before);
  });

  it('ends at once when it is told to, whatever the backend does not respond to', async () => {
    const withdrawing = made(1);
    withdrawing.announce(instance('a'));
    await posts(withdrawing, 1);
    withdrawing.ending = new Promise(() => undefined);
    const posting = made(1);
    const begun = new Promise<void>((begin) => {
      posting.post = () =>
        new Promise((_resolve, reject) => {
          posting.onCut = () => reject(new Error('cut'));
          begin();
        });
    });
    posting.announce(instance('b'));
    await begun;
    const connecting = new Scripted(1, 60);
    connecting.connected = new Promise(() => undefined);
    for (const loop of [withdrawing, posting, connecting]) {
      const isOver = new AbortController();
      const closed = loop.close(isOver.signal);
      isOver.abort();
      await closed;
    }
    expect([withdrawing.isCut, posting.isCut]).to.deep.equal([true, true]);
    withdrawing.ending = Promise.resolve();
  });
});
