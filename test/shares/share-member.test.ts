// A process that was removed and joins again while it had lent and borrowed something.
import { expect } from 'chai';
import { keyIdOf } from '#src/shares/division.js';
import { EPOCH, parseEpoch, without } from '#src/shares/epoch.js';
import { HOLD_MS } from '#src/shares/membership.js';
import type { Part } from '#src/shares/report.js';
import { ShareMember } from '#src/shares/share-member.js';
import type { StoredText } from '#src/shares/share-store.js';

const KEY = { low: 1, high: 2, interval: 1_600_000, burst: 30 };

class Store {
  readonly texts = new Map<string, StoredText>();
  /** The names of processes that are known to have ended. */
  readonly ended = new Set<string>();
  now = 0;

  set(name: string, text: string): void {
    this.texts.set(name, { text, version: String(Math.random()) });
  }
}

class Process {
  readonly member: ShareMember;
  readonly ids: string[] = [];
  /** What it is asked for. */
  demand = 0;
  until = 0;
  /** What it has of the keys that are divided. */
  parts: readonly Part[] = [];
  #asked = 0;
  readonly #store: Store;

  constructor(store: Store, name: string) {
    this.#store = store;
    this.member = new ShareMember({
      newId: () => {
        this.ids.push(`${name}0000000000000${this.ids.length}`);
        return this.ids.at(-1)!;
      },
      newWord: () => 7,
      process: name,
      hasEnded: (process) => store.ended.has(process),
      holder: {
        hold: () => undefined,
        divide: (keys) => {
          this.parts = keys.map(({ rate, permits }) => ({ rate, permits }));
        },
        isOld: () => false,
        release: () => {
          this.until = 0;
        },
        renew: ({ monotonic }) => {
          this.until = monotonic;
        },
      },
      counters: {
        refused: () => (this.demand > 100 ? [KEY] : []),
        askedIn: () => this.#asked,
        refusedIn: () => (this.demand > 100 ? this.#asked : 0),
        noRoom: () => undefined,
      },
    });
  }

  /** Reads, and writes. @param before called before a report is written */
  turn(before = (): void => undefined): void {
    const { now, texts } = this.#store;
    this.#asked += this.demand;
    const moment = { monotonic: now, wall: now };
    for (const write of this.member.read(new Map(texts), moment, moment)) {
      write.sending(moment);
      if (write.name !== EPOCH) before();
      if (texts.get(write.name)?.version !== write.version) continue;
      this.#store.set(write.name, write.text);
      write.stored();
    }
  }
}

/** Two processes, the second of which lends to the first. */
function lending() {
  const store = new Store();
  const [a, b] = [new Process(store, 'aa'), new Process(store, 'bb')];
  const turns = (count: number): void => {
    for (let n = 0; n < count; n++, store.now += 500) for (const one of [a, b]) one.turn();
  };
  const listed = (): readonly string[] =>
    parseEpoch(store.texts.get(EPOCH)!.text).members.map(({ id }) => id);
  const remove = (id: string): void => {
    const epoch = parseEpoch(store.texts.get(EPOCH)!.text);
    store.set(EPOCH, JSON.stringify(without(epoch, new Set([id]))));
  };
  turns(5);
  [a.demand, b.demand] = [200, 1];
  turns(20);
  const report = JSON.parse(store.texts.get(`member/${b.ids[0]}`)!.text) as { lent: { to: object } };
  expect(Object.keys(report.lent.to), keyIdOf(KEY.low, KEY.high)).to.deep.equal([a.ids[0]]);
  return { store, a, b, turns, listed, remove };
}

describe('a member that was removed', () => {
  it('has its share for as long as every other one when it has joined again, whatever it had borrowed', () => {
    const { store, a, b, listed, remove } = lending();
    remove(a.ids[0]!);
    a.turn();
    expect([a.member.isActive, listed()]).to.deep.equal([false, [b.ids[0], a.ids[1]]]);
    // Nothing of the member that has lent it was seen for long.
    store.now += HOLD_MS / 2;
    b.turn();
    remove(b.ids[0]!);
    a.turn();
    expect([a.member.isActive, a.until]).to.deep.equal([true, store.now + HOLD_MS]);
  });

  it('leaves at once when it has joined again, whatever it had lent', () => {
    const { store, a, b, listed, remove } = lending();
    remove(b.ids[0]!);
    b.turn();
    const leave = b.member.leave();
    const epoch = parseEpoch(store.texts.get(EPOCH)!.text);
    expect([listed().length, leave(epoch).members.map(({ id }) => id)]).to.deep.equal([2, [a.ids[0]]]);
  });
});

describe('a process that goes on as the member of one that has ended', () => {
  const heir = () => {
    const all = lending();
    all.store.ended.add('bb');
    const c = new Process(all.store, 'cc');
    return { ...all, c, reportOf: (id: string) => all.store.texts.get(`member/${id}`)! };
  };

  it('uses its share once the report of the other one is certain, and lends what that has lent', () => {
    const { b, c, reportOf } = heir();
    const [id] = b.ids;
    const { text, version } = reportOf(id!);
    c.turn();
    expect([c.member.isActive, c.until], 'not yet').to.deep.equal([false, 0]);
    expect(reportOf(id!).text, 'stored once more').to.equal(text);
    expect(reportOf(id!).version).not.to.equal(version);
    c.turn();
    expect([c.member.isActive, c.parts]).to.deep.equal([true, b.parts]);
    const lent = (of: string): unknown => (JSON.parse(of) as { lent: unknown }).lent;
    expect(lent(reportOf(id!).text)).to.deep.equal(lent(text));
  });

  it('waits as long as a message of the other one changes the report', () => {
    const { b, c, store, reportOf } = heir();
    const [id] = b.ids;
    const name = `member/${id}`;
    const late = (): void => store.set(name, reportOf(id!).text);
    c.turn(late);
    c.turn(late);
    c.turn();
    expect(c.member.isActive).to.equal(false);
    c.turn();
    expect(c.member.isActive).to.equal(true);
  });

  it('stays listed when it ends before it knows what was lent', () => {
    const { a, b, c, store, listed } = heir();
    c.turn();
    expect(c.member.retire()).to.equal(false);
    const leave = c.member.leave();
    const epoch = parseEpoch(store.texts.get(EPOCH)!.text);
    expect(leave(epoch)).to.equal(epoch);
    expect(listed()).to.deep.equal([a.ids[0], b.ids[0]]);
  });

  it('takes itself off the list when it ends while it waits as one that waited', () => {
    const { a, b, store, listed } = lending();
    const c = new Process(store, 'cc');
    c.turn();
    store.ended.add('cc');
    const d = new Process(store, 'dd');
    d.turn();
    expect([d.member.isActive, listed()]).to.deep.equal([false, [a.ids[0], b.ids[0], c.ids[0]]]);
    expect(d.member.retire()).to.equal(true);
    const rest = d.member.leave()(parseEpoch(store.texts.get(EPOCH)!.text));
    expect(rest.members.map(({ id }) => id)).to.deep.equal([a.ids[0], b.ids[0]]);
  });

  it('joins as a newcomer when what the other one has lent cannot be read', () => {
    const { a, b, c, store, listed } = heir();
    store.set(`member/${b.ids[0]}`, '{}');
    c.turn();
    expect(listed()).to.deep.equal([a.ids[0], b.ids[0], c.ids[0]]);
  });
});
