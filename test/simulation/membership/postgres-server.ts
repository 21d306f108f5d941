// PostgreSQL, as far as a registry uses it: the statements of registry-sql.ts over two tables, by the clock
// of the server, and notifications.
import type { OpenSession } from '#src/registry/backends/postgres-backend.js';
import {
  ANNOUNCE,
  CHANNEL,
  CREATE,
  EXISTS,
  FETCH,
  LIST,
  LISTEN,
  REMOVE,
  RENEW,
  SET_LIMITS,
  WITHDRAW,
  WITHDRAW_ALL,
} from '#src/registry/backends/registry-sql.js';
import type { Host } from './host.js';
import type { Network, Stream } from './network.js';

interface Row {
  readonly service: string;
  readonly id: string;
  readonly owner: string;
  readonly body: { readonly state?: string; readonly registrationId?: string | null };
  readonly is_local: boolean;
  /** The number of its last change. */
  readonly version: number;
  /** Infinity for a static instance. */
  readonly expiresAt: number;
  /** Registrations that clients have removed, and until when that is remembered. */
  readonly removed: readonly string[];
  readonly removedUntil: number;
}

const NONE_REMOVED: Pick<Row, 'removed' | 'removedUntil'> = {
  removed: [],
  removedUntil: Number.NEGATIVE_INFINITY,
};

/** The owner of a row that is a mark. */
const REMOVED = '';

interface Removal {
  readonly owner: unknown;
  readonly version: unknown;
  readonly registrationIds: readonly string[];
  readonly reach: unknown;
  readonly seconds: unknown;
}

type Values = readonly unknown[];
type Statement = (values: Values) => readonly object[];

const keyOf = (service: string, id: string): string => `${service} ${id}`;

const versionOf = ({ version, owner, body }: Row): string => `${version}.${owner}${JSON.stringify(body)}`;

export class PostgresServer {
  readonly #network: Network;
  readonly #rows = new Map<string, Row>();
  /** Until when each owner is there. */
  readonly #owners = new Map<string, number>();
  readonly #listeners = new Set<Stream<string>>();
  #revision = 1;
  #startedAt = Number.NEGATIVE_INFINITY;

  constructor(network: Network) {
    this.#network = network;
  }

  sessionsOf(host: Host): OpenSession {
    return (heard, lost) => {
      const stream = this.#network.stream<string>(host, (payload) => heard(CHANNEL, payload), lost);
      const send = (text: string, values: Values): Promise<{ rows: readonly object[] }> =>
        this.#network.request(host, () => {
          if (!stream.isOpen) throw new Error('connection reset');
          if (text === LISTEN) this.#listeners.add(stream);
          return { rows: this.#statements[text]!(values) };
        });
      return {
        connect: async () => void (await send(EXISTS, [])),
        query: async <R extends object>(text: string, values: Values = []) => ({
          rows: [...(await send(text, values)).rows] as R[],
        }),
        end: async () => stream.close(),
        cut: () => stream.close(),
      };
    };
  }

  has(service: string, id: string): boolean {
    return (this.#rows.get(keyOf(service, id))?.owner ?? REMOVED) !== REMOVED;
  }

  restarted(): void {
    this.#startedAt = this.#network.time.now;
  }

  /** All rows are lost. */
  wipe(): void {
    this.#network.lostAt = this.#network.time.now;
    this.#rows.clear();
    this.#owners.clear();
    this.#revision = 1;
  }

  readonly #statements: Readonly<Record<string, Statement>> = {
    [SET_LIMITS]: () => [],
    [EXISTS]: () => [{ exists: true }],
    [CREATE]: () => [],
    [LISTEN]: () => [],
    [LIST]: () => this.#list(),
    [FETCH]: ([services, ids]) => this.#fetch(services as string[], ids as string[]),
    [ANNOUNCE]: (values) => this.#announce(values),
    [WITHDRAW]: ([owner, services, ids]) => {
      for (const [n, service] of (services as string[]).entries()) {
        const key = keyOf(service, (ids as string[])[n]!);
        if (this.#rows.get(key)?.owner === owner) this.#delete(key);
      }
      return [];
    },
    [REMOVE]: ([owner, services, ids, ...columns]) => {
      for (const [n, service] of (services as string[]).entries()) {
        const [version, registrations, reach, seconds] = columns.map((column) => (column as unknown[])[n]);
        const registrationIds = JSON.parse(registrations as string) as string[];
        const removal = { owner, version, registrationIds, reach, seconds };
        this.#remove(service, (ids as string[])[n]!, removal);
      }
      return [];
    },
    [WITHDRAW_ALL]: ([owner]) => {
      for (const [key, row] of this.#rows)
        if (row.owner === owner && row.expiresAt < Number.POSITIVE_INFINITY) this.#delete(key);
      this.#owners.delete(String(owner));
      return [];
    },
    [RENEW]: (values) => this.#renew(values),
  };

  #list(): readonly object[] {
    const revision = this.#revision;
    if (this.#rows.size === 0) return [{ id: null, revision }];
    const rows = [...this.#rows.values()];
    const total = rows.filter(({ owner }) => owner !== REMOVED).length;
    return rows.map((row) => ({ ...row, version: versionOf(row), total, revision }));
  }

  #fetch(services: readonly string[], ids: readonly string[]): readonly object[] {
    const rows = services.map((service, n) => this.#rows.get(keyOf(service, ids[n]!)));
    return rows.filter((row) => row !== undefined).map((row) => ({ ...row, version: versionOf(row) }));
  }

  #announce([owner, seconds, services, ids, bodies, statics, locals]: Values): readonly object[] {
    const written: object[] = [];
    for (const [n, service] of (services as string[]).entries()) {
      const id = (ids as string[])[n]!;
      const body = JSON.parse((bodies as string[])[n]!) as Row['body'];
      const is_local = (locals as boolean[])[n]!;
      const known = this.#rows.get(keyOf(service, id));
      this.#revision += 1;
      const isOfOthers = known !== undefined && known.owner !== owner && known.owner !== REMOVED;
      if (isOfOthers && (is_local ? body.state === 'draining' : known.is_local)) continue;
      const { removed, removedUntil } = known ?? NONE_REMOVED;
      if (!is_local && removed.includes(body.registrationId ?? '')) {
        written.push({ service, id, is_removed: true });
        continue;
      }
      const isStatic = (statics as boolean[])[n]!;
      const expiresAt = isStatic ? Number.POSITIVE_INFINITY : this.#liveUntil(seconds);
      const row = { service, id, owner: String(owner), body, is_local, expiresAt, version: this.#revision };
      this.#rows.set(keyOf(service, id), { ...row, removed, removedUntil });
      this.#notify(service, id);
      written.push({ service, id, is_removed: false });
    }
    return written;
  }

  #remove(service: string, id: string, removal: Removal): void {
    const { owner, version, registrationIds, reach, seconds } = removal;
    const row = this.#rows.get(keyOf(service, id));
    const presentId = row?.body.registrationId ?? null;
    const isKnown = row !== undefined && versionOf(row) === version;
    const isSame = isKnown || registrationIds.includes(presentId ?? '');
    const isReached = reach === 'all' || (reach === 'own' && row?.owner === owner) || isSame;
    const isMeant = row !== undefined && row.owner !== REMOVED && !row.is_local && isReached;
    if (row === undefined && registrationIds.length === 0) return;
    const ids = [...registrationIds, ...(isMeant && presentId !== null ? [presentId] : [])];
    const removed = [...new Set([...ids, ...(row?.removed ?? [])])];
    const removedUntil = Math.max(this.#liveUntil(seconds), row?.removedUntil ?? 0);
    if (row !== undefined && row.owner !== REMOVED && !isMeant)
      this.#rows.set(keyOf(service, id), { ...row, removed, removedUntil });
    else this.#mark(service, id, { removed, removedUntil });
  }

  #mark(service: string, id: string, remembered: Pick<Row, 'removed' | 'removedUntil'>): void {
    this.#revision += 1;
    const expiresAt = remembered.removedUntil;
    const row = {
      service,
      id,
      owner: REMOVED,
      body: {},
      is_local: false,
      expiresAt,
      version: this.#revision,
    };
    this.#rows.set(keyOf(service, id), { ...row, ...remembered });
    this.#notify(service, id);
  }

  #renew([owner, seconds, mayRemove]: Values): readonly object[] {
    const { now } = this.#network.time;
    this.#owners.set(String(owner), this.#liveUntil(seconds));
    const isYoung = this.#startedAt >= now - Number(seconds) * 1000;
    let present = 0;
    for (const [key, row] of this.#rows) {
      const isLive = (this.#owners.get(row.owner) ?? Number.NEGATIVE_INFINITY) >= now;
      if (row.owner === owner) present += 1;
      else if (mayRemove === true && !isYoung && !isLive && row.expiresAt < now) this.#delete(key);
    }
    return [{ present, gone: 0, revision: this.#revision }];
  }

  #liveUntil(seconds: unknown): number {
    return this.#network.time.now + Number(seconds) * 1000;
  }

  /** Ends a row, which becomes a mark when there are removals to remember. */
  #delete(key: string): void {
    const { service, id, owner, ...row } = this.#rows.get(key)!;
    if (owner !== REMOVED && row.removedUntil >= this.#network.time.now) {
      this.#mark(service, id, row);
      return;
    }
    this.#rows.delete(key);
    this.#revision += 1;
    this.#notify(service, id);
  }

  #notify(service: string, id: string): void {
    for (const listener of this.#listeners) {
      if (listener.isOpen) listener.send(`${this.#revision} ${service} ${id}`);
      else this.#listeners.delete(listener);
    }
  }
}
