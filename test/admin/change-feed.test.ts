// What many changes at once cost the primary when many clients watch.
import { expect } from 'chai';
import { ChangeFeed } from '#src/admin/change-feed.js';
import { ownerOf } from '#src/registry/process-owner.js';
import type { RegistryChange } from '#src/registry/registry-publication.js';
import { setUp } from '#test/registry/registry-kit.js';
import { sentEvents } from '#test/support/sent-events.js';
import { nextTurn } from '#test/upstream/admin.js';

const COUNT = 3_000;
const room = { slots: COUNT, maxSnapshotBytes: 1 << 24 };
const SECRET = 'a secret';
const owner = ownerOf(SECRET, 'leaving');

function feed(note: (change: RegistryChange) => string = () => '') {
  const { registry, put, time, snapshots, ids } = setUp(room);
  const changes = new ChangeFeed(registry, ({ revision, change }) => ({
    id: revision,
    event: change.type,
    data: note(change),
  }));
  const turn = { writes: 0 };
  /** @param isRead the client reads all at once */
  const watch = (isRead = true) => {
    const state = { writes: [] as Buffer[], isClosed: false };
    const stop = changes.follow(registry.revision, {
      send: () => expect.fail('a change is not sent by itself'),
      write: (events) => {
        turn.writes += 1;
        state.writes.push(events);
        return true;
      },
      isBehind: !isRead,
      onceRead: () => undefined,
      close: () => {
        state.isClosed = true;
        stop();
      },
    });
    return { state, seen: () => state.writes.flatMap(sentEvents).map(({ id }) => id) };
  };
  /** Announces `count` instances of the process that leaves. */
  const announced = async (count: number): Promise<void> => {
    for (let n = 0; n < count; n++)
      await registry.processes.announce(
        { service: 'orders', id: `i${n}`, body: { host: '10.0.0.1', port: 80, state: 'healthy' } },
        { owner, isLocal: false, ttlSeconds: 15 },
        { mayShadowLocal: false },
      );
  };
  /** Runs turns until nothing is written any more. @returns the writes of each turn */
  const turns = async (): Promise<number[]> => {
    const writes: number[] = [];
    do {
      turn.writes = 0;
      await nextTurn();
      writes.push(turn.writes);
    } while (turn.writes > 0);
    return writes;
  };
  return { registry, put, time, snapshots, ids, watch, announced, turns };
}

/** The largest number of changes in one turn of the event loop while `made` is under way. */
async function mostInATurn(
  listen: (changed: () => void) => () => void,
  made: Promise<void>,
): Promise<number> {
  let [inTurn, most, isMade] = [0, 0, false];
  const stop = listen(() => {
    inTurn += 1;
    most = Math.max(most, inTurn);
  });
  void made.finally(() => {
    isMade = true;
  });
  while (!isMade) {
    inTurn = 0;
    await nextTurn();
  }
  stop();
  return most;
}

describe('changes of the registry that come together', () => {
  it('reach a stream in one write, and streams that miss the same share its bytes', async () => {
    const { put, watch, turns } = feed();
    const [one, two] = [watch(), watch()];
    for (let n = 0; n < 100; n++) await put(`i${n}`);
    expect(await turns()).to.deep.equal([2, 0]);
    expect(one.seen()).to.have.length(100);
    expect(one.state.writes[0]).to.equal(two.state.writes[0]);
  });

  it('are written to a limited number of streams in a turn, one after the other', async () => {
    const { put, watch, turns } = feed();
    const all = Array.from({ length: 200 }, () => watch());
    for (let n = 0; n < 100; n++) await put(`i${n}`);
    expect(await turns()).to.deep.equal([64, 64, 64, 8, 0]);
    for (const { seen } of all) expect(seen()).to.have.length(100);
  });

  it('are divided among writes of limited size', async () => {
    const data = 'x'.repeat(4_000);
    const { put, watch, turns } = feed(() => data);
    const { state, seen } = watch();
    for (let n = 0; n < 100; n++) await put(`i${n}`);
    expect((await turns()).length).to.be.above(5);
    expect(seen()).to.have.length(100);
    for (const { length } of state.writes) expect(length).to.be.below(32_768 + 5_000);
  });

  it('take turns with other work when a process leaves, and every stream gets all', async () => {
    const { registry, watch, announced, turns, snapshots, ids } = feed();
    await announced(COUNT);
    const all = Array.from({ length: 250 }, () => watch());
    const unread = watch(false);
    const published = snapshots.length;
    const leaves = registry.processes.leave(owner, () => true);
    expect(await mostInATurn((changed) => registry.changes.listen(changed), leaves)).to.be.below(257);
    await turns();
    expect(ids()).to.deep.equal([]);
    expect(snapshots.length - published).to.be.below(COUNT / 100);
    for (const { seen } of all) expect(seen()).to.have.length(COUNT);
    expect(unread.state.isClosed).to.equal(true);
    expect(unread.state.writes).to.have.length(1);
  });

  it('take turns with other work when instances expire, and every stream gets all', async () => {
    const { registry, time, watch, announced, turns, ids } = feed();
    await announced(COUNT);
    const { seen } = watch();
    const made = time.pass(16_000);
    expect(await mostInATurn((changed) => registry.changes.listen(changed), made)).to.be.below(257);
    await turns();
    expect(ids()).to.deep.equal([]);
    expect(seen()).to.have.length(COUNT);
  });

  it('do not take an instance along that was replaced while its process leaves', async () => {
    const { registry, put, announced, ids } = feed();
    await announced(300);
    const leaves = registry.processes.leave(owner, () => true);
    await put('i299', { port: 8081 });
    await leaves;
    expect(ids()).to.deep.equal(['i299']);
  });
});
