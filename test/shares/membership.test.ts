// How one process comes to its share, keeps it and loses it.
import { expect } from 'chai';
import type { Moment } from '#src/memory/rate/moment.js';
import { type Epoch, type Member, withMember, without } from '#src/shares/epoch.js';
import { BEAT_MS, HOLD_MS, LAPSE_MS, Membership, WAIT_MS } from '#src/shares/membership.js';

const EMPTY: Epoch = { number: 0, salt: [1, 2], members: [] };

class Store {
  epoch = EMPTY;
  now = 0;
  /** The names of processes that are known to have ended. */
  readonly ended = new Set<string>();
  /** How much of that time the machines were suspended. */
  suspended = 0;

  get moment(): Moment {
    return { monotonic: this.now - this.suspended, wall: this.now };
  }
}

class Process {
  readonly membership: Membership;
  members: readonly string[] = [];
  until = 0;
  knowsLoans = true;
  readonly #store: Store;

  constructor(store: Store, name: string) {
    let count = 0;
    this.#store = store;
    this.membership = new Membership({
      process: name,
      newId: () => `${name}${++count}`,
      holder: {
        hold: ({ members }) => {
          this.members = members;
        },
        renew: (until) => {
          this.until = until.wall;
        },
        release: () => {
          this.members = [];
        },
      },
    });
  }

  /** Reads, and writes what it wants. @returns whether it has wanted to write */
  turn(settle: () => boolean = () => true, isLost = false): boolean {
    const { epoch, moment, ended } = this.#store;
    const mayContinue = ({ process }: Member): boolean => ended.has(process);
    const mayBeat = (): boolean => this.knowsLoans;
    const next = this.membership.read(epoch, moment, moment, { settle, mayBeat, mayContinue });
    if (next === undefined) return false;
    this.membership.sending(moment);
    this.#store.epoch = next;
    if (!isLost) this.membership.stored(next);
    return true;
  }
}

const listed = ({ epoch }: Store): readonly string[] => epoch.members.map(({ id }) => id);

function pair(): { store: Store; a: Process; b: Process } {
  const store = new Store();
  const [a, b] = [new Process(store, 'a'), new Process(store, 'b')];
  for (const process of [a, b, a, b, a, b]) process.turn();
  return { store, a, b };
}

describe('a member of an epoch', () => {
  it('has a share at once when it is the first one', () => {
    const store = new Store();
    const a = new Process(store, 'a');
    a.turn();
    expect([a.members, a.until]).to.deep.equal([['a1'], HOLD_MS]);
  });

  it('has none before all others have divided theirs with it', () => {
    const store = new Store();
    const [a, b] = [new Process(store, 'a'), new Process(store, 'b')];
    a.turn();
    b.turn();
    b.turn();
    expect([a.members, b.members]).to.deep.equal([['a1'], []]);
    a.turn(() => false);
    b.turn();
    expect([a.members, b.members], 'what is lent has to come back').to.deep.equal([['a1', 'b1'], []]);
    a.turn();
    b.turn();
    expect(b.members).to.deep.equal(['a1', 'b1']);
  });

  it('renews its share by its beat, from when it began to write it', () => {
    const { store, a } = pair();
    store.now = BEAT_MS - 1;
    expect([a.turn(), a.until]).to.deep.equal([false, HOLD_MS]);
    store.now = BEAT_MS;
    expect([a.turn(), a.until]).to.deep.equal([true, BEAT_MS + HOLD_MS]);
  });

  it('renews its share at once when its machine was suspended', () => {
    const { store, a } = pair();
    store.now = store.suspended = BEAT_MS;
    expect([a.turn(), a.until]).to.deep.equal([true, BEAT_MS + HOLD_MS]);
  });

  it('counts the time in which its machine was suspended while it waited for the response', () => {
    const { store, a } = pair();
    store.now = BEAT_MS;
    a.turn(undefined, true);
    store.now += LAPSE_MS;
    store.suspended = LAPSE_MS;
    a.turn(() => {
      expect(a.until).to.equal(BEAT_MS + HOLD_MS);
      return true;
    });
  });

  it('learns from the store that a beat was stored when the response was lost', () => {
    const { store, a } = pair();
    store.now = BEAT_MS;
    a.turn(undefined, true);
    expect(a.until).to.equal(HOLD_MS);
    store.now += 1_000;
    a.turn();
    expect(a.until).to.equal(BEAT_MS + HOLD_MS);
  });

  it('takes a lost beat of before for no later one', () => {
    const { store, a } = pair();
    const before = store.epoch;
    store.now = BEAT_MS;
    a.turn(undefined, true);
    const late = store.epoch;
    store.epoch = before;
    store.now += 1_000;
    a.turn(undefined, true);
    // The first one has arrived after all, instead of the second.
    store.epoch = late;
    a.turn(() => {
      expect(a.until).to.equal(HOLD_MS);
      return true;
    });
    expect(a.until).to.equal(BEAT_MS + 1_000 + HOLD_MS);
  });

  it('removes another one whose beat stays the same for long, and not before', () => {
    const { store, a } = pair();
    for (; store.now < LAPSE_MS - BEAT_MS; store.now += BEAT_MS) a.turn();
    expect(listed(store)).to.deep.equal(['a1', 'b1']);
    for (let n = 0; n < 3; n++, store.now += BEAT_MS) a.turn();
    expect([listed(store), a.members]).to.deep.equal([['a1'], ['a1']]);
  });

  it('removes one that was never active after ten seconds, which joins again if it lives', () => {
    const { store, a, b } = pair();
    const c = new Process(store, 'c');
    c.turn();
    expect(listed(store)).to.deep.equal(['a1', 'b1', 'c1']);
    // Only the newcomer does not know that all have divided their shares with it.
    for (; store.now < WAIT_MS; store.now += BEAT_MS) for (const one of [a, b]) one.turn();
    expect([listed(store), a.members]).to.deep.equal([
      ['a1', 'b1', 'c1'],
      ['a1', 'b1', 'c1'],
    ]);
    for (const one of [a, b, a]) one.turn();
    expect([listed(store), a.members]).to.deep.equal([
      ['a1', 'b1'],
      ['a1', 'b1'],
    ]);
    for (const one of [c, a, b, c]) one.turn();
    expect(c.members).to.deep.equal(['a1', 'b1', 'c2']);
  });

  it('leaves one alone that waits to become active', () => {
    const { store, a, b } = pair();
    const c = new Process(store, 'c');
    for (; store.now < 3 * WAIT_MS; store.now += BEAT_MS) {
      c.turn();
      a.turn(() => false);
      b.turn();
    }
    expect([listed(store), c.members]).to.deep.equal([['a1', 'b1', 'c1'], []]);
  });

  it('begins to wait anew when it could not read for a while', () => {
    const { store, a, b } = pair();
    store.now = 2 * LAPSE_MS;
    a.turn();
    expect(listed(store)).to.deep.equal(['a1', 'b1']);
    b.turn();
    expect(b.until).to.equal(2 * LAPSE_MS + HOLD_MS);
  });

  it('joins again under another name when it was removed', () => {
    const { store, a, b } = pair();
    store.epoch = without(store.epoch, new Set(['b1']));
    b.turn();
    expect([b.members, listed(store)]).to.deep.equal([[], ['a1', 'b2']]);
    a.turn();
    b.turn();
    expect(b.members).to.deep.equal(['a1', 'b2']);
  });

  it('gives its share up when the store has lost what it had stored', () => {
    const { store, a, b } = pair();
    store.epoch = EMPTY;
    a.turn();
    b.turn();
    expect([a.members, b.members, listed(store)]).to.deep.equal([['a2'], [], ['a2', 'b2']]);
  });

  it('goes on as the member that an ended process was, without a change for the others', () => {
    const { store, a, b } = pair();
    store.ended.add('b');
    store.now = BEAT_MS - 1;
    const { number } = store.epoch;
    const c = new Process(store, 'c');
    c.turn();
    expect([c.membership.id, c.membership.isSuccessor, c.members]).to.deep.equal(['b1', true, ['a1', 'b1']]);
    expect(c.until, 'before its own beat').to.be.below(0);
    c.turn();
    expect(c.until, 'by its own beat').to.equal(BEAT_MS - 1 + HOLD_MS);
    a.turn();
    expect([listed(store), store.epoch.number]).to.deep.equal([['a1', 'b1'], number]);
    b.turn();
    expect(b.members, 'one that lives after all').to.deep.equal([]);
  });

  it('learns from the store that it goes on as another member when the response was lost', () => {
    const { store } = pair();
    store.ended.add('b');
    const c = new Process(store, 'c');
    store.now = 1_000;
    c.turn(undefined, true);
    expect([c.membership.id, c.members]).to.deep.equal(['c1', []]);
    store.now = 2_000;
    c.turn();
    expect([c.membership.id, c.members, c.until]).to.deep.equal(['b1', ['a1', 'b1'], 2_000 + HOLD_MS]);
  });

  it('renews nothing as another member before it knows what that has lent, and is removed meanwhile', () => {
    const { store, a } = pair();
    store.ended.add('b');
    const c = new Process(store, 'c');
    c.knowsLoans = false;
    for (; store.now <= LAPSE_MS; store.now += BEAT_MS) for (const one of [a, c]) one.turn();
    expect([c.until < 0, listed(store)]).to.deep.equal([true, ['a1', 'c2']]);
  });

  it('goes on as one that was active rather than as one that waited', () => {
    const { store, b } = pair();
    const waiting = new Process(store, 'c');
    waiting.turn();
    for (const name of ['a', 'c']) store.ended.add(name);
    const [d, e] = [new Process(store, 'd'), new Process(store, 'e')];
    for (const one of [d, e, b, d, b, e]) one.turn();
    expect([d.membership.id, e.membership.id]).to.deep.equal(['a1', 'c1']);
    expect([d.members.length, e.members.length]).to.deep.equal([3, 3]);
  });

  it('joins under a name of its own when it was removed after it went on as another member', () => {
    const { store } = pair();
    store.ended.add('b');
    const c = new Process(store, 'c');
    c.turn();
    store.epoch = without(store.epoch, new Set(['b1']));
    c.turn();
    expect([c.members, c.membership.isSuccessor, listed(store)]).to.deep.equal([[], false, ['a1', 'c2']]);
  });

  it('goes on as one that ends while it waits, and waits no more', () => {
    const { store, a, b } = pair();
    const c = new Process(store, 'c');
    c.turn();
    expect([listed(store), c.members]).to.deep.equal([['a1', 'b1', 'c1'], []]);
    store.ended.add('b');
    c.turn();
    expect([listed(store), c.membership.id, c.members]).to.deep.equal([['a1', 'b1'], 'b1', ['a1', 'b1']]);
    expect(c.until, 'before its own beat').to.be.below(0);
    c.turn();
    a.turn();
    expect([c.until, c.membership.isSuccessor, a.members]).to.deep.equal([HOLD_MS, true, ['a1', 'b1']]);
    b.turn();
    expect(b.members).to.deep.equal([]);
  });

  it('is no successor any more when it was removed while it waited, and goes on as the next one', () => {
    const { store, a, b } = pair();
    new Process(store, 'c').turn();
    store.ended.add('c');
    const d = new Process(store, 'd');
    d.turn();
    expect([d.membership.id, d.membership.isSuccessor, d.members]).to.deep.equal(['c1', true, []]);
    store.epoch = without(store.epoch, new Set(['c1']));
    store.ended.add('b');
    d.turn(undefined, true);
    expect([d.membership.id, d.membership.isSuccessor], 'not stored yet').to.deep.equal(['d2', false]);
    for (const one of [a, d]) one.turn();
    expect([d.membership.id, d.membership.isSuccessor, d.members]).to.deep.equal(['b1', true, ['a1', 'b1']]);
    expect(b.members).to.deep.equal(['a1', 'b1']);
  });

  it('gives its share up when the store has lost that it had become active', () => {
    const { store, b } = pair();
    store.epoch = withMember(store.epoch, 'b1', { active: false });
    b.turn();
    expect([b.members, listed(store)]).to.deep.equal([[], ['a1', 'b2']]);
  });

  it('gives its share up when the store shows an epoch of before', () => {
    const { store, a, b } = pair();
    const before = store.epoch;
    new Process(store, 'c').turn();
    a.turn();
    store.epoch = before;
    a.turn();
    expect([a.members, listed(store)]).to.deep.equal([[], ['b1', 'a2']]);
    b.turn();
    a.turn();
    expect(a.members).to.deep.equal(['b1', 'a2']);
  });

  it('leaves in order', () => {
    const { store, a, b } = pair();
    const leave = b.membership.leave();
    expect(b.members).to.deep.equal([]);
    store.epoch = leave(store.epoch);
    a.turn();
    expect(a.members).to.deep.equal(['a1']);
  });

  it('leaves nothing that another process goes on as', () => {
    const { store, a, b } = pair();
    store.epoch = withMember(store.epoch, 'b1', { process: 'c' });
    a.turn();
    const leave = b.membership.leave();
    expect(leave(store.epoch)).to.equal(store.epoch);
  });

  it('knows since when another one certainly is a member', () => {
    const { store, a } = pair();
    expect(a.membership.freshAt('b1').monotonic).to.equal(0);
    store.now = 1_000;
    a.turn();
    store.now = 2_000;
    store.epoch = withMember(store.epoch, 'b1', { beat: 99 });
    a.turn();
    expect(a.membership.freshAt('b1').monotonic).to.equal(1_000);
  });
});
