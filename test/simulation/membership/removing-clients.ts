// Clients that change an instance and remove it right after that, each time at any process: it must be gone
// everywhere soon, and stay so. Some register and remove it again at the same process, also in an outage.
import { NotFoundError } from '#src/errors.js';
import type { Registration } from '#src/registry/registration.js';
import type { Cluster } from './cluster.js';
import type { Member } from './member.js';

/** The mean time between the registrations, and that from one to its removal. */
const REGISTERS_MS = 20_000;
const REMOVES_MS = 8_000;
/** The mean time from a removal to the next registration under the same name. */
const AGAIN_MS = 4_000;
/** The longest time from a change to the removal after it. */
const RIGHT_AFTER_MS = 100;
const LOOK_MS = 500;
/** A process that can reach the server has removed it there by then; and all processes know that. */
const REMOVED_AFTER_MS = 8_000;
const KNOWN_AFTER_MS = 40_000;
/** Longer than any process keeps the instance, and longer than the removal is remembered. */
const CHECKED_MS = 600_000;
const FIRST_PORT = 20_000;
const PORTS = 10_000;
const SERVICE = 'removed';
const REGISTRANT = { mayShadowLocal: false };

interface Removal {
  readonly member: Member;
  readonly at: number;
  /** When a client under the same name was removed first, at the same process. */
  readonly firstAt: number;
  /** When it must have been done at the server; undefined before. */
  doneAt?: number;
}

export class RemovingClients {
  readonly #cluster: Cluster;
  readonly #removals = new Map<string, Removal>();
  #count = 0;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    this.#later(REGISTERS_MS, () => this.#register());
    cluster.time.every(LOOK_MS, () => this.#look());
  }

  /** Whether an instance is one of these clients. */
  static has(key: string): boolean {
    return key.startsWith(`${SERVICE} `);
  }

  #later(meanMs: number, fn: () => void): void {
    const { time, random } = this.#cluster;
    time.schedule(random.exponential(meanMs), fn);
  }

  /** Any process that responds to clients. @param id of an instance that it knows */
  #any(id?: string): Member | undefined {
    const knows = ({ seen }: Member): boolean => id === undefined || seen.has(`${SERVICE} ${id}`);
    const all = this.#cluster.members.filter((one) => one.host.responds && knows(one));
    return all.length === 0 ? undefined : this.#cluster.oneOf(all);
  }

  #body() {
    this.#count += 1;
    return { host: '10.0.0.9', port: FIRST_PORT + (this.#count % PORTS), ttlSeconds: 300 };
  }

  #register(): void {
    const body = this.#body();
    const id = `r${this.#count}`;
    void this.#any()?.registry.put(SERVICE, id, body, REGISTRANT);
    this.#later(REMOVES_MS, () => this.#change(id, body));
    this.#later(REGISTERS_MS, () => this.#register());
  }

  #change(id: string, body: Partial<Registration>): void {
    const { time, random } = this.#cluster;
    const changes = [
      ({ registry }: Member) => registry.heartbeat(SERVICE, id),
      ({ registry }: Member) => registry.drain(SERVICE, id),
    ];
    const member = this.#any(id);
    if (member !== undefined) unlessUnknown(() => this.#cluster.oneOf(changes)(member));
    // What is registered at another process at the same time may be later.
    if (member !== undefined && random.next() < 0.3)
      void member.registry
        .put(SERVICE, id, { ...body, weight: 2 }, REGISTRANT)
        .then(() => this.#remove(id, member));
    else time.schedule(random.next() * RIGHT_AFTER_MS, () => this.#remove(id, this.#any(id)));
  }

  /** The client of an instance that it has removed comes back to the same process, and ends again. */
  #again(id: string, { member, firstAt }: Removal): void {
    if (!member.host.responds) return;
    this.#removals.delete(id);
    this.#cluster.trace.add(`${member.owner} has ${id} again`);
    void member.registry.put(SERVICE, id, this.#body(), REGISTRANT);
    this.#later(AGAIN_MS, () => {
      const other = this.#any(id);
      if (other !== undefined) unlessUnknown(() => other.registry.drain(SERVICE, id));
      this.#remove(id, member, firstAt);
    });
  }

  #remove(id: string, member: Member | undefined, firstAt = this.#cluster.time.now): void {
    if (member === undefined || !member.host.responds) return;
    unlessUnknown(() => {
      member.registry.remove(SERVICE, id);
      this.#cluster.trace.add(`${member.owner} removes ${id}`);
      const removal = { member, at: this.#cluster.time.now, firstAt };
      this.#removals.set(id, removal);
      if (this.#cluster.random.next() < 0.5) this.#later(AGAIN_MS, () => this.#again(id, removal));
    });
  }

  #look(): void {
    const { network, time } = this.#cluster;
    for (const [id, removal] of this.#removals) {
      const { member, at, firstAt } = removal;
      // What a process has not sent when it ends is lost. A server may lose what it knows: also of a
      // registration before, which another process may still have.
      const isLost = at < network.downSince || firstAt < network.lostAt;
      const isVoid = !member.host.isAlive || isLost;
      const reachedAt = Math.max(at, this.#reachableSince(member));
      if (time.now - reachedAt > REMOVED_AFTER_MS) removal.doneAt ??= time.now;
      const { doneAt = Number.POSITIVE_INFINITY } = removal;
      if (isVoid || time.now - doneAt > CHECKED_MS) this.#removals.delete(id);
      else if (doneAt <= time.now) this.#check(id, removal, time.now - doneAt);
    }
  }

  #check(id: string, { member, at }: Removal, sinceMs: number): void {
    const { trace, server, members, time } = this.#cluster;
    const isThere = server.has(SERVICE, id);
    const detail = `${id} was removed at ${member.owner} at ${at.toFixed(1)} ms`;
    trace.expect(!isThere, 'removed instances leave', () => `${detail}, and the server has it`);
    if (sinceMs < KNOWN_AFTER_MS) return;
    for (const { owner, seen, ...one } of members) {
      const isLate = time.now - this.#reachableSince(one) > KNOWN_AFTER_MS;
      const has = isLate && seen.has(`${SERVICE} ${id}`);
      trace.expect(!has, 'removed instances leave', () => `${detail}, and ${owner} has it`);
    }
  }

  /** Since when a process can reach the server; Infinity: it cannot. */
  #reachableSince({ host }: Pick<Member, 'host'>): number {
    const { network } = this.#cluster;
    if (!this.#cluster.isConnected(host) || !host.responds) return Number.POSITIVE_INFINITY;
    return Math.max(host.startedAt, host.openSince, host.steadySince, network.upSince);
  }
}

function unlessUnknown(change: () => void): void {
  try {
    change();
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
  }
}
