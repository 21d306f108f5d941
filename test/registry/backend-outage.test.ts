// What the loop of a shared registry takes for gone after an outage, in virtual time.
import { expect } from 'chai';
import type { BackendEvents, FoundInstance } from '#src/registry/backends/backend.js';
import { BackendLoop } from '#src/registry/backends/backend-loop.js';
import { namesOf } from '#src/registry/backends/instance-key.js';
import type { Schedule } from '#src/registry/schedule.js';
import { Host } from '#test/simulation/membership/host.js';
import { VirtualTime } from '#test/simulation/virtual-time.js';

const TTL_SECONDS = 15;
const SECOND = 1_000;
const NEVER = new AbortController().signal;
const others = (...ids: readonly string[]): FoundInstance[] =>
  ids.map((id) => ({ service: 'orders', id, body: {}, isLocal: true, version: '1' }));

class Scripted extends BackendLoop<object> {
  readonly kind = 'scripted';
  readonly events: string[] = [];
  present: FoundInstance[] = [];
  isDown = false;
  /** How long the backend takes to respond. */
  responseMs = 0;
  readonly #time: VirtualTime;

  constructor(time: VirtualTime, schedule: Schedule) {
    const { clock } = time;
    super({ owner: 'here', ttlSeconds: TTL_SECONDS, random: () => 0.5, clock, schedule });
    this.#time = time;
    const namesIn = (keys: ReadonlySet<string>): string => [...keys].map((key) => namesOf(key)[1]).join(' ');
    const events: BackendEvents = {
      listed: (keys) => void this.events.push(`listed ${namesIn(keys)}`),
      found: () => undefined,
      left: (_service, id) => void this.events.push(`left ${id}`),
      rejected: () => undefined,
      available: () => undefined,
      unavailable: () => undefined,
    };
    this.start(events);
  }

  protected override async connect(): Promise<object> {
    this.#check();
    this.listed(this.present);
    return {};
  }

  protected override async work(): Promise<void> {
    this.#check();
    await this.#time.sleep(this.responseMs, NEVER);
  }

  protected override dueInMs(): number {
    return SECOND;
  }

  protected override isRefusal(): boolean {
    return false;
  }

  protected override async end(): Promise<void> {}

  protected override cut(): void {}

  #check(): void {
    if (this.isDown) throw new Error('down');
  }

  lose(service: string, id: string): void {
    this.present = this.present.filter((one) => one.id !== id);
    this.expired(`${service} ${id}`);
  }
}

describe('the loop of a shared registry after an outage', () => {
  it('takes nothing for gone before the others have had the time to come back', async () => {
    const time = new VirtualTime();
    const loop = new Scripted(time, time.schedule);
    loop.present = others('a', 'b', 'c');
    await time.runUntil(5 * SECOND);
    loop.lose('orders', 'a');
    expect(loop.events.splice(0)).to.deep.equal(['listed a b c', 'left a']);
    loop.isDown = true;
    await time.runUntil(25 * SECOND);
    loop.isDown = false;
    await time.runUntil(30 * SECOND);
    // The lease of an instance has ended in the outage, though its process may live.
    loop.lose('orders', 'b');
    expect(loop.events.splice(0)).to.deep.equal([]);
    await time.runUntil((30 + TTL_SECONDS) * SECOND);
    expect(loop.events.splice(0)).to.deep.equal(['listed c']);
    loop.lose('orders', 'c');
    expect(loop.events).to.deep.equal(['left c']);
  });

  it('takes nothing for gone when it was stopped itself, and may have missed an outage', async () => {
    const time = new VirtualTime();
    const host = new Host(time);
    const loop = new Scripted(time, host.schedule);
    loop.present = others('a', 'b');
    await time.runUntil(5 * SECOND);
    host.suspend();
    await time.runUntil(30 * SECOND);
    loop.events.length = 0;
    // It is read before the timer of the loop runs.
    loop.lose('orders', 'a');
    host.resume();
    await time.runUntil(31 * SECOND);
    loop.lose('orders', 'b');
    expect(loop.events.splice(0)).to.deep.equal([]);
    await time.runUntil((31 + TTL_SECONDS) * SECOND);
    expect(loop.events).to.deep.equal(['listed ']);
  });

  it('takes nothing for gone while the backend is slow, which may have hung', async () => {
    const time = new VirtualTime();
    const loop = new Scripted(time, time.schedule);
    loop.present = others('a', 'b');
    await time.runUntil(5 * SECOND);
    loop.responseMs = 4 * SECOND;
    await time.runUntil(9 * SECOND);
    loop.responseMs = 0;
    loop.events.length = 0;
    loop.lose('orders', 'a');
    await time.runUntil(12 * SECOND);
    expect(loop.events).to.deep.equal([]);
    // Then it is asked for everything.
    await time.runUntil((12 + TTL_SECONDS) * SECOND);
    expect(loop.events.splice(0)).to.deep.equal(['listed b']);
    loop.lose('orders', 'b');
    expect(loop.events).to.deep.equal(['left b']);
  });
});
