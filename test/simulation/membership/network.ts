// Requests to the registry server and streams from it, over lines that may be cut.
import type { Random } from '#bench/overload/random.js';
import type { VirtualTime } from '../virtual-time.js';
import type { Host } from './host.js';

/** As src/primary/line-client.ts and registry-session.ts have it. */
const TIMEOUT_MS = 5_000;
const LEAST_LATENCY_MS = 0.2;
const MORE_LATENCY_MS = 2;

/** `stopped`: nothing listens. `hung`: it admits packets and does nothing. */
export type ServerState = 'up' | 'stopped' | 'hung';

/** A connection that the server keeps open. */
interface Connection {
  readonly host: Host;
  resume(isLost: boolean): void;
  cease(): void;
  end(error: Error): void;
  close(): void;
}

export class Network {
  state: ServerState = 'up';
  /** Since when the server was reachable without an outage; and since when it is not, if it is not. */
  upSince = 0;
  downSince = 0;
  /** When the server has last lost what it knew. */
  lostAt = Number.NEGATIVE_INFINITY;
  /** Is called for each request that the server gets. */
  onRequest: (host: Host) => void = () => undefined;
  readonly #time: VirtualTime;
  readonly #random: Random;
  readonly #connections = new Set<Connection>();

  constructor(time: VirtualTime, random: Random) {
    this.#time = time;
    this.#random = random;
  }

  get time(): VirtualTime {
    return this.#time;
  }

  latencyMs(): number {
    return LEAST_LATENCY_MS + MORE_LATENCY_MS * this.#random.next();
  }

  /** @param serve what the server does with the request; it may throw */
  request<T>(host: Host, serve: () => T | Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const lateAt = this.#time.now + TIMEOUT_MS;
      const lost = (): void => {
        const late = (): void => reject(new Error('no response in time'));
        this.#time.schedule(lateAt - this.#time.now, () => host.deliver(late));
      };
      const respond = (end: () => void): void =>
        void this.#time.schedule(this.latencyMs(), () => (host.isCut ? lost() : host.deliver(end)));
      this.#time.schedule(this.latencyMs(), () => {
        if (!host.isAlive) return;
        if (host.isCut || this.state === 'hung') {
          lost();
          return;
        }
        this.onRequest(host);
        if (this.state === 'stopped') respond(() => reject(new Error('connection refused')));
        else void settle(serve, resolve, reject).then(respond);
      });
    });
  }

  stream<M>(host: Host, heard: (message: M) => void, ended: (error: Error) => void): Stream<M> {
    const stream = new Stream(this, host, heard, ended);
    this.#connections.add(stream);
    return stream;
  }

  closed(connection: Connection): void {
    this.#connections.delete(connection);
  }

  /** The server ends, and with it all connections. Hosts that are cut off do not hear of it. */
  stop(): void {
    if (this.state === 'up') this.downSince = this.#time.now;
    this.state = 'stopped';
    for (const connection of this.#connections) connection.cease();
  }

  /** @returns ends it, unless the server was started meanwhile */
  hang(): () => void {
    if (this.state !== 'up') return () => undefined;
    this.downSince = this.#time.now;
    this.state = 'hung';
    return () => this.state === 'hung' && this.start();
  }

  /** The server is there again. */
  start(): void {
    this.state = 'up';
    this.upSince = this.#time.now;
    for (const connection of this.#connections) connection.resume(false);
  }

  heal(host: Host): void {
    host.heal();
    for (const connection of this.#connections)
      if (connection.host === host) connection.resume(this.#random.next() < 0.5);
  }

  kill(host: Host): void {
    host.isAlive = false;
    for (const connection of this.#connections) if (connection.host === host) connection.close();
  }

  /** All streams end, as when a proxy restarts. */
  breakStreams(): void {
    this.upSince = this.#time.now;
    for (const connection of this.#connections) connection.end(new Error('connection reset'));
  }
}

/** @returns what ends the request when the response arrives */
async function settle<T>(
  serve: () => T | Promise<T>,
  resolve: (value: T) => void,
  reject: (error: Error) => void,
): Promise<() => void> {
  try {
    const value = await serve();
    return () => resolve(value);
  } catch (error) {
    return () => reject(error as Error);
  }
}

/** Messages in order. While the line is cut they wait, as TCP repeats them. */
export class Stream<M> implements Connection {
  isOpen = true;
  readonly #network: Network;
  readonly #heard: (message: M) => void;
  readonly #ended: (error: Error) => void;
  readonly #held: M[] = [];
  #lastAt = 0;

  constructor(
    network: Network,
    readonly host: Host,
    heard: (message: M) => void,
    ended: (error: Error) => void,
  ) {
    this.#network = network;
    this.#heard = heard;
    this.#ended = ended;
  }

  send(message: M): void {
    const { time } = this.#network;
    this.#lastAt = Math.max(this.#lastAt, time.now + this.#network.latencyMs());
    time.schedule(this.#lastAt - time.now, () => this.#arrive(message));
  }

  #arrive(message: M): void {
    if (!this.isOpen || !this.host.isAlive) return;
    const mustWait = this.host.isCut || this.#network.state === 'hung' || this.#held.length > 0;
    if (mustWait) this.#held.push(message);
    else this.host.deliver(() => this.isOpen && this.#heard(message));
  }

  /** The line is whole again. @param isLost the connection did not survive */
  resume(isLost: boolean): void {
    if (this.host.isCut || this.#network.state !== 'up') return;
    if (isLost) {
      this.end(new Error('connection reset'));
      return;
    }
    const held = this.#held.splice(0);
    for (const message of held) this.#arrive(message);
  }

  /** The server has ended: the client hears of it unless the line is cut. */
  cease(): void {
    if (this.host.isCut) this.close();
    else this.end(new Error('connection reset'));
  }

  end(error: Error): void {
    if (!this.isOpen) return;
    this.close();
    const { time } = this.#network;
    time.schedule(this.#network.latencyMs(), () => this.host.deliver(() => this.#ended(error)));
  }

  /** Nothing more is heard. */
  close(): void {
    this.isOpen = false;
    this.#network.closed(this);
  }
}
