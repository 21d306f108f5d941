// Processes with one shared registry in virtual time, and what must hold at every change of a view.
import { Random } from '#bench/overload/random.js';
import { namesOf } from '#src/registry/backends/instance-key.js';
import type { EndpointChange } from '#src/registry/snapshot-text.js';
import { Trace } from '../trace.js';
import { VirtualTime } from '../virtual-time.js';
import { Client } from './client.js';
import type { Host } from './host.js';
import { type Kind, Member, type SharedServer } from './member.js';
import { Network } from './network.js';
import { RemovingClients } from './removing-clients.js';

export interface ClusterOptions {
  readonly seed: number;
  readonly kind: Kind;
  readonly processes: number;
  /** Instances of each process. */
  readonly instances: number;
  /** Instances that clients register and renew. @default 0 */
  readonly clients?: number;
  /** Whether clients remove instances, too. @default false */
  readonly removes?: boolean;
  /** Random numbers of the processes. @default seeded ones */
  readonly jitter?: () => number;
}

/** Instances of a process last for this long without it, by default. */
export const TTL_MS = 15_000;
/** A process that could renew for this long is known to all. */
const KNOWN_AFTER_MS = 40_000;
/** An instance that is registered anew is away for this long at most. */
const BLINK_MS = 20;
/** What was sent before an outage arrives for this long. */
const UNDER_WAY_MS = 10;
const FIRST_PORT = 1_000;

export class Cluster {
  readonly time = new VirtualTime();
  readonly trace = new Trace(this.time.clock);
  readonly random: Random;
  readonly network: Network;
  readonly server: SharedServer;
  /** The present process of each place. */
  readonly places: (Member | undefined)[];
  readonly clients: readonly Client[];
  readonly #options: ClusterOptions;
  #started = 0;

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.random = new Random(options.seed);
    this.network = new Network(this.time, new Random(options.seed * 31 + 7));
    this.server = options.kind.server(this.network);
    this.places = Array.from({ length: options.processes }, () => undefined);
    for (const place of this.places.keys()) this.start(place);
    this.clients = Array.from({ length: options.clients ?? 0 }, (_, n) => new Client(this, n));
    if (options.removes === true) new RemovingClients(this);
  }

  get members(): readonly Member[] {
    return this.places.filter((one) => one !== undefined);
  }

  /** One of a list, by chance. */
  oneOf<T>(list: readonly T[]): T {
    return list[Math.floor(this.random.next() * list.length)]!;
  }

  start(place: number): void {
    if (this.places[place] !== undefined) return;
    const { instances, kind, jitter = () => this.random.next() } = this.#options;
    const first = FIRST_PORT + place * instances;
    this.#started += 1;
    const owner = `p${place}.${this.#started}`;
    this.trace.add(`${owner} starts`);
    this.places[place] = new Member({
      owner,
      ports: Array.from({ length: instances }, (_, n) => first + n),
      time: this.time,
      random: jitter,
      kind,
      server: this.server,
      changed: (member, change) => this.#changed(member, change),
    });
  }

  kill(place: number): void {
    const member = this.places[place];
    if (member === undefined) return;
    this.trace.add(`${member.owner} is killed`);
    this.places[place] = undefined;
    this.network.kill(member.host);
    const killedAt = this.time.now;
    this.time.quietly(1.5 * TTL_MS, () => this.#expectGone(place, member, killedAt));
  }

  /** A process ends in order. */
  leave(place: number): void {
    const member = this.places[place];
    if (member === undefined) return;
    this.trace.add(`${member.owner} leaves`);
    this.places[place] = undefined;
    void member.sync.close().then(() => this.network.kill(member.host));
  }

  isConnected(host: Host): boolean {
    return host.isAlive && !host.isCut && this.network.state === 'up';
  }

  /** The state of each instance of a process, by service and id. */
  #serving(): ReadonlyMap<string, string | undefined> {
    const keys = this.members.flatMap(({ ports, seen }) =>
      ports.map((port) => [keyOf(port), seen.get(keyOf(port))] as const),
    );
    return new Map(keys);
  }

  /** What the server lacks, and what a process does not know, or in another state; undefined: nothing. */
  missing(): string | undefined {
    const serving = this.#serving();
    for (const key of serving.keys())
      if (!this.server.has(...namesOf(key))) return `the server does not have ${key}`;
    for (const { owner, seen, host } of this.members) {
      if (!this.isConnected(host)) continue;
      for (const [key, state] of serving)
        if (seen.get(key) !== state) return `${owner} has ${key} ${seen.get(key)}`;
    }
    return undefined;
  }

  /** What a process has though it is gone, or lacks of what clients have registered; undefined: nothing. */
  surplus(): string | undefined {
    const serving = this.#serving();
    const registered = new Set(this.clients.map(({ key }) => key));
    for (const { owner, seen } of this.members) {
      for (const key of seen.keys())
        if (!serving.has(key) && !registered.has(key) && !RemovingClients.has(key))
          return `${owner} has ${key}`;
      for (const key of registered) if (!seen.has(key)) return `${owner} does not have ${key}`;
    }
    return undefined;
  }

  #changed(member: Member, change: EndpointChange): void {
    const { owner, ports } = member;
    if (change.type === 'put') {
      this.trace.add(`${owner} has ${change.endpoint.id} ${change.endpoint.state}`);
      return;
    }
    const { service, id } = change;
    this.trace.add(`${owner} loses ${id}`);
    const port = Number(id.split(':')[1]);
    if (service !== 'orders' || ports.includes(port)) return;
    const cutForMs = this.time.now - (member.host.isCut ? member.host.badSince : this.network.downSince);
    this.trace.expect(
      this.isConnected(member.host) || cutForMs < UNDER_WAY_MS,
      'an outage keeps the view',
      () => `${owner} has lost ${id} while it was cut off`,
    );
    // One that does not drain any more is registered anew, where the registry is another process.
    this.time.quietly(BLINK_MS, () => this.#expectStays(member, port));
  }

  /** Whether a process knows an instance again that it has just lost, if that lives. */
  #expectStays({ owner, seen, host }: Member, port: number): void {
    const serving = this.members.find((one) => one.ports.includes(port));
    if (serving === undefined || seen.has(keyOf(port)) || !host.responds) return;
    // A process that has just started does not know that there was an outage.
    const { now } = this.time;
    if (now - host.startedAt < TTL_MS && now - this.network.upSince < TTL_MS) return;
    const { isSteady, steadySince } = serving.host;
    const wasKnown = isSteady && now - steadySince > KNOWN_AFTER_MS;
    this.trace.expect(!wasKnown, 'living instances stay', () => `${owner} has lost ${port}, which lives`);
  }

  /** After one and a half times its time, a killed process is known to none that was connected all along. */
  #expectGone(place: number, { ports }: Member, killedAt: number): void {
    if (this.places[place] !== undefined) return;
    const calmSince = killedAt - TTL_MS;
    const isCalm = this.network.state === 'up' && this.network.upSince <= calmSince;
    const isUneasy = ({ host }: Member): boolean =>
      host.isCut || !host.responds || Math.max(host.openSince, host.steadySince) > calmSince;
    if (!isCalm || this.members.some(isUneasy)) return;
    for (const { owner, seen } of this.members) {
      const port = ports.find((one) => seen.has(keyOf(one)));
      this.trace.expect(
        port === undefined,
        'dead instances leave',
        () => `${owner} has port ${port} 1.5 x its time after its process was killed`,
      );
    }
  }
}

const keyOf = (port: number): string => `orders 10.0.0.1:${port}`;
