// Clients whose connections are moved, beside other clients that open connections at random. The connection
// gate, the rounds of the primary and its count by address are the real ones; only the network is simulated.
import { expect } from 'chai';
import { rebalanceRound } from '#src/cluster/rebalance.js';
import { addressKeys } from '#src/memory/address-cells.js';
import { Block } from '#src/memory/block.js';
import { ConnectionCensus } from '#src/memory/connection-shares.js';
import { SeriesTable } from '#src/memory/metrics/series.js';
import { SeriesMemory } from '#src/memory/metrics/series-memory.js';
import { openConnections } from '#src/memory/open-connections.js';
import { connectionGate } from '#src/server/connections/connection-gate.js';
import { newSeed, seeded } from '#test/support/random.js';

/** All clients that keep their connections are behind one reverse proxy. */
const PROXY = '192.0.2.1';
/** Simulated moments between two rounds of the primary. */
const MOMENTS = 4;
/** A client whose connection was closed is back within this number of moments, which are 2 s. */
const BACK_MOMENTS = 8 * MOMENTS;
const LOOKS = 100;
const RUNS = 150;
/**
 * Parts of MAX_CONNECTIONS: up to the first, connections are moved; from the second on, addresses are limited
 * to a share.
 */
const [MOVED, SHARED] = [0.75, 0.9] as const;

interface Connection {
  readonly worker: number;
  readonly address: string;
}

/** A client whose connection was closed by order. */
interface UnderWay {
  /** The moment at which the client is back. */
  readonly at: number;
  /** The number of strangers that were admitted before the connection was closed. */
  readonly admitted: number;
}

class Process {
  readonly #random: () => number;
  readonly #gates;
  readonly #keyOf;
  readonly #census: ConnectionCensus;
  readonly #look: () => void;
  readonly #open: () => number;
  /** The number of strangers that may come while a client is on its way back. */
  readonly #mostStrangers: number;
  readonly #countedFrom: number;
  #connections: Connection[] = [];
  #underWay: UnderWay[] = [];
  /** The number of strangers since the beginning. */
  #admitted = 0;
  #now = 0;
  moved = 0;
  refused = 0;

  constructor(random: () => number) {
    this.#random = random;
    const maxConnections = 20 + this.#below(200);
    const block = Block.create({ workers: 4 });
    const series = new SeriesMemory();
    const slots = [1, 2, 3, 4].slice(0, 2 + this.#below(3));
    this.#gates = slots.map((slot) =>
      connectionGate(block, slot, maxConnections, new SeriesTable(series.of(slot))),
    );
    this.#keyOf = addressKeys(block);
    this.#census = new ConnectionCensus(block);
    this.#open = openConnections(block);
    this.#countedFrom = Math.floor(SHARED * maxConnections);
    this.#mostStrangers = Math.floor(SHARED * maxConnections) - Math.floor(MOVED * maxConnections);
    const threads = slots.map((slot) => ({
      slot,
      state: { kind: 'ready', descriptor: { slot, app: undefined } } as const,
    }));
    const sharding = { expect: () => undefined };
    this.#look = rebalanceRound({ supervisor: { threads }, block, sharding, maxConnections });
    const clients = Math.floor(maxConnections / 3) + this.#below(maxConnections / 3);
    for (let n = 0; n < clients; n++) this.#enter(PROXY, 0);
  }

  run(): void {
    for (let look = 0; look < LOOKS; look++) {
      this.#look();
      for (let n = 0; n < MOMENTS; n++) this.#moment();
    }
  }

  #moment(): void {
    this.#now++;
    const back = this.#underWay.filter(({ at }) => at <= this.#now).length;
    this.#underWay = this.#underWay.filter(({ at }) => at > this.#now);
    for (let n = 0; n < back; n++) {
      if (this.#open() >= this.#countedFrom) this.#count();
      if (!this.#enter(PROXY, this.#below(this.#gates.length))) this.refused++;
    }
    if (this.#random() < 0.03) this.#fails();
    else this.#strangers();
    this.#connections = this.#connections.filter((one) => !this.#leaves(one));
  }

  /** The last worker fails: strangers disappear, clients come back to the first worker. */
  #fails(): void {
    const last = this.#gates.length - 1;
    const [lost, kept] = [[], []] as [Connection[], Connection[]];
    for (const one of this.#connections) {
      (one.worker === last || one.address !== PROXY ? lost : kept).push(one);
    }
    this.#connections = kept;
    for (const { worker } of lost) this.#gates[worker]!.leave();
    this.#count();
    for (const { address } of lost) if (address === PROXY) this.#enter(PROXY, 0);
  }

  /**
   * They come one by one and all at once; when no client is on its way back, up to twice as many as
   * otherwise.
   */
  #strangers(): void {
    const admittedBefore = this.#underWay.map(({ admitted }) => admitted);
    const isQuiet = admittedBefore.length === 0;
    const lately = isQuiet ? -this.#mostStrangers : this.#admitted - Math.min(...admittedBefore);
    const most = this.#mostStrangers - lately;
    const come = this.#random() < 0.06 ? most : Math.min(most, Number(this.#random() < 0.2));
    for (let n = 0; n < come; n++) {
      if (this.#enter(`198.51.100.${this.#below(250)}`, this.#below(this.#gates.length))) this.#admitted++;
    }
  }

  /** Closes a connection: a stranger's at a time of its own, a proxy client's when its response orders it. */
  #leaves({ worker, address }: Connection): boolean {
    const gate = this.#gates[worker]!;
    const isMoved = address === PROXY && this.#random() < 0.5 && gate.givesUp();
    if (!isMoved && !(address !== PROXY && this.#random() < 0.02)) return false;
    gate.leave();
    if (isMoved) {
      this.moved++;
      this.#underWay.push({ at: this.#now + 1 + this.#below(BACK_MOMENTS), admitted: this.#admitted });
    }
    return true;
  }

  #enter(address: string, worker: number): boolean {
    if (!this.#gates[worker]!.enter(() => address)) return false;
    this.#connections.push({ worker, address });
    return true;
  }

  /** The count by address, as exact as it can be. */
  #count(): void {
    const counts = new Map<string, number>();
    for (const { address } of this.#connections) counts.set(address, (counts.get(address) ?? 0) + 1);
    expect(this.#open()).to.equal(this.#connections.length);
    this.#census.begin();
    this.#census.publish([...counts].map(([address, count]) => [this.#keyOf(address), count]));
  }

  #below(end: number): number {
    return Math.floor(this.#random() * end);
  }
}

describe('a client whose connection is moved', () => {
  const seed = newSeed();
  it(`is admitted when it comes back, whatever strangers come meanwhile (SEED=${seed})`, () => {
    let [moved, withMoves] = [0, 0];
    for (let run = 0; run < RUNS; run++) {
      const process = new Process(seeded(seed + run));
      process.run();
      expect(process.refused, `SEED=${seed + run}`).to.equal(0);
      moved += process.moved;
      if (process.moved > 0) withMoves++;
    }
    expect(moved).to.be.above(RUNS);
    expect(withMoves).to.be.above(RUNS / 4);
  });
});
