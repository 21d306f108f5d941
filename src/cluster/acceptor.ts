// SHARDING=acceptor: the primary accepts every connection and hands its socket to a worker, by turns in the
// core. Who has clearly more in hand than the others is left out for a while (placement.ts), and so are, for
// a moment, all workers that do not have the fewest connections when some are about to come that have lost
// their worker.
import type { Logger } from 'pino';
import type { Settings } from '../config.js';
import type { Sharing } from '../process/claim.js';
import { excludedByLoad, excludedToFill, type Load, weightOf } from './load-exclusion.js';
import { PlaceholderListener, type PlaceholderOptions } from './placeholder-listener.js';
import { boundReceiveBuffers } from './receive-buffers.js';
import type { Descriptor, Sharding } from './sharding.js';
import { isLevel } from './surplus.js';

const LOOK_EVERY_MS = 250;
/**
 * While somebody is left out: clients that have lost their connections come back at once, and would all go to
 * the others.
 */
const RECONSIDER_MS = 25;
/** Looks that a connection must have been there for to count as one that stays. */
const LOOKS = 4;
/** Clients that have lost their connection and want another come back within about that. */
const EXPECT_MS = 1000;

interface Child {
  /** The last looks. */
  readonly looks: Load[];
  isExcluded: boolean;
}

export interface AcceptorOptions extends PlaceholderOptions, Pick<Settings, 'port'> {
  readonly sharing: Sharing;
  /** Of the worker thread in this row of shared memory. */
  readonly load: (slot: number) => Load;
  /** Connections that all workers have opened, for ever. */
  readonly opened: () => number;
}

export class Acceptor implements Sharding {
  readonly workerPort = undefined;
  #port: number;
  readonly #front: PlaceholderListener;
  readonly #load: AcceptorOptions['load'];
  readonly #opened: AcceptorOptions['opened'];
  readonly #log: Pick<Logger, 'warn'>;
  readonly #children = new Map<Descriptor, Child>();
  readonly #timer: NodeJS.Timeout;
  #again: NodeJS.Timeout | undefined;
  /** Connections are expected until there are so many, and until then on the clock of `performance.now()`. */
  #expected = { opened: 0, until: 0 };
  #bounded = Promise.resolve();

  /** @throws StartError when the address cannot be listened on */
  constructor(options: AcceptorOptions, log: Pick<Logger, 'warn'>) {
    this.#front = new PlaceholderListener(options);
    this.#load = options.load;
    this.#opened = options.opened;
    this.#log = log;
    this.#port = options.port;
    if (options.sharing === 'alone') this.#listening(this.#front.listen(options.port, 'exclusive'));
    else if (options.sharing === 'first') this.#listening(this.#front.reserve(options.port));
    else if (options.port === 0) this.#listening(this.#front.listen(0, 'shared')); // nobody's but ours
    this.#timer = setInterval(() => this.#look(true), LOOK_EVERY_MS);
  }

  get port(): number {
    return this.#port;
  }

  async join(): Promise<void> {
    if (!this.#front.isListening) this.#listening(this.#front.listen(this.#port, 'shared'));
    await this.#bounded;
  }

  add(descriptor: Descriptor): void {
    this.#takeAll();
    this.#children.set(descriptor, { looks: [], isExcluded: false });
    this.#front.addChild(descriptor.app);
  }

  expect(connections: number): void {
    const held = [...this.#children.keys()].map(({ slot }) => this.#load(slot).connections);
    if (connections === 0 || isLevel(held)) return;
    const opened = this.#opened() + connections;
    const before = this.#isExpecting ? this.#expected.opened : 0;
    this.#expected = { opened: Math.max(opened, before), until: performance.now() + EXPECT_MS };
    this.#look(false);
  }

  pause(descriptor: Descriptor): void {
    this.remove(descriptor);
  }

  remove(descriptor: Descriptor): void {
    const child = this.#children.get(descriptor);
    if (child === undefined) return;
    this.#children.delete(descriptor);
    if (!child.isExcluded) this.#front.removeChild(descriptor.app);
    this.#takeAll();
    this.expect(leastOf(child.looks.map(({ connections }) => connections)));
  }

  async stopListening(): Promise<void> {
    // The other process has the listener, too, until it ends: what that accepts is lost.
    await this.#bounded;
    await this.#front.stopListeningBehindPoll();
  }

  close(): void {
    clearInterval(this.#timer);
    clearTimeout(this.#again);
    this.#front.close();
  }

  get #isExpecting(): boolean {
    return performance.now() < this.#expected.until && this.#opened() < this.#expected.opened;
  }

  #listening(port: number): void {
    this.#port = port;
    this.#bounded = boundReceiveBuffers(port, this.#log);
  }

  /** Who is left out is decided among those that are there, so anew when they change. */
  #takeAll(): void {
    for (const [descriptor, child] of this.#children) this.#leaveOut(descriptor, child, false);
  }

  /** @param remembers this look counts among those that tell what stays */
  #look(remembers: boolean): void {
    const children = [...this.#children];
    const loads = children.map(([{ slot }]) => this.#load(slot));
    const seen = children.map(([, { looks, isExcluded }], index) => {
      if (remembers) looks.push(loads[index]!);
      if (looks.length > LOOKS) looks.shift();
      return { now: weightOf(loads[index]!), stays: leastOf(looks.map(weightOf)), isExcluded };
    });
    const out = this.#isExpecting
      ? excludedToFill(loads.map(({ connections }) => connections))
      : excludedByLoad(seen);
    for (const [index, [descriptor, child]] of children.entries()) {
      this.#leaveOut(descriptor, child, out[index]!);
    }
    clearTimeout(this.#again);
    if (out.includes(true)) this.#again = setTimeout(() => this.#look(false), RECONSIDER_MS);
  }

  #leaveOut(descriptor: Descriptor, child: Child, isExcluded: boolean): void {
    if (child.isExcluded === isExcluded) return;
    child.isExcluded = isExcluded;
    if (isExcluded) this.#front.removeChild(descriptor.app);
    else this.#front.addChild(descriptor.app);
  }
}

/** What stays of what the looks have seen. */
const leastOf = (looks: readonly number[]): number => (looks.length < LOOKS ? 0 : Math.min(...looks));
