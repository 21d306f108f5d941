// What the loop does, and says, when the store does not respond.
import { EventEmitter, once } from 'node:events';
import { expect } from 'chai';
import { Countdown } from '#src/countdown.js';
import type { Moment } from '#src/memory/rate/moment.js';
import { HOLD_MS } from '#src/shares/membership.js';
import { ShareLoop } from '#src/shares/share-loop.js';
import { ShareMember } from '#src/shares/share-member.js';
import type { ShareStore, StoredText, StoredTexts } from '#src/shares/share-store.js';
import { until } from '#test/support/until.js';

/** A store in memory, which may leave messages without a response until it is closed. */
class MemoryStore implements ShareStore {
  readonly texts = new Map<string, StoredText>();
  readonly events = new EventEmitter();
  isSilent = false;
  messages = 0;
  #version = 0;
  readonly #pending: (() => void)[] = [];

  async read(): Promise<StoredTexts> {
    await this.#message();
    return new Map(this.texts);
  }

  async replace(name: string, version: string | undefined, text: string): Promise<boolean> {
    await this.#message();
    if (this.texts.get(name)?.version !== version) return false;
    this.texts.set(name, { text, version: String(++this.#version) });
    return true;
  }

  async remove(name: string): Promise<void> {
    await this.#message();
    this.texts.delete(name);
  }

  async close(): Promise<void> {
    for (const fail of this.#pending.splice(0)) fail();
  }

  async #message(): Promise<void> {
    this.messages += 1;
    this.events.emit('message');
    if (this.isSilent)
      await new Promise((_, reject) => this.#pending.push(() => reject(new Error('closed'))));
  }
}

async function sharing() {
  const store = new MemoryStore();
  const now: { -readonly [K in keyof Moment]: Moment[K] } = { monotonic: 1_000, wall: 1_000 };
  const holder = {
    ...{ hold: () => undefined, divide: () => undefined, isOld: () => true },
    ...{ release: () => undefined, renew: () => undefined },
  };
  const counters = { refused: () => [], askedIn: () => 0, refusedIn: () => 0, noRoom: () => undefined };
  const member = new ShareMember({
    ...{ holder, counters, process: 'a 1 1', newWord: () => 7, hasEnded: () => false },
    newId: () => '0123456789abcdef',
  });
  const warnings: unknown[] = [];
  const log = { info: () => undefined, warn: (warning: unknown) => void warnings.push(warning) };
  const has: boolean[] = [];
  const loop = new ShareLoop({
    ...{ store, member, log, clock: () => now, isNeeded: () => true, random: () => 0 },
    onMessage: () => undefined,
    onShare: (hasShare) => void has.push(hasShare),
  });
  loop.start();
  await loop.settled(60_000);
  return { store, loop, now, has, warnings };
}

describe('the share of a process', () => {
  it('is given up in the store at the end', async () => {
    const { store, loop } = await sharing();
    await loop.close(new Countdown(60_000));
    expect(JSON.parse(store.texts.get('epoch')!.text))
      .to.include({ number: 2 })
      .and.to.deep.include({ members: [] });
  });

  for (const clock of ['monotonic', 'wall'] as const) {
    it(`is said to be over when its time is over by the ${clock} clock, until it is renewed`, async () => {
      const { store, loop, now, has, warnings } = await sharing();
      expect([loop.waiting, has]).to.deep.equal([undefined, [true]]);
      store.isSilent = true;
      await once(store.events, 'message');
      now[clock] += HOLD_MS + 1_000;
      await until(
        () => has.length,
        (count) => count === 2,
      );
      expect([loop.waiting, warnings]).to.deep.equal([warnings[0], [warnings[0]]]);
      expect(loop.waiting).to.include('has run out');
      store.isSilent = false;
      await store.close();
      await loop.settled(60_000);
      expect([loop.waiting, has]).to.deep.equal([undefined, [true, false, true]]);
      await loop.close(new Countdown(60_000));
    });
  }

  it('keeps no process from its end while the store does not respond', async () => {
    const { store, loop } = await sharing();
    store.isSilent = true;
    await once(store.events, 'message');
    const { messages } = store;
    await loop.close(new Countdown(0));
    // What was under way has failed, and is not followed by anything.
    await new Promise(setImmediate);
    expect(store.messages).to.equal(messages);
  });
});
