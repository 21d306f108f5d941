// PostgreSQL, as far as a registry uses it: the statements of registry-sql.ts over one table, by the clock of
// the server, and notifications.
import type { OpenSession } from '#src/registry/backends/postgres-backend.js';
import {
  ANNOUNCE,
  CHANNEL,
  CREATE,
  EXISTS,
  FETCH,
  LIST,
  LISTEN,
  RENEW,
  WITHDRAW,
  WITHDRAW_ALL,
} from '#src/registry/backends/registry-sql.js';
import type { Host } from './host.js';
import type { Network, Stream } from './network.js';

interface Row {
  readonly service: string;
  readonly id: string;
  readonly owner: string;
  readonly body: { readonly state: string };
  /** Infinity for a static instance. */
  readonly expiresAt: number;
}

type Values = readonly unknown[];
type Statement = (values: Values) => readonly object[];

const keyOf = (service: string, id: string): string => `${service} ${id}`;

export class PostgresServer {
  readonly #network: Network;
  readonly #rows = new Map<string, Row>();
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
      };
    };
  }

  has(service: string, id: string): boolean {
    return this.#rows.has(keyOf(service, id));
  }

  restarted(): void {
    this.#startedAt = this.#network.time.now;
  }

  /** All rows are lost. */
  wipe(): void {
    this.#rows.clear();
    this.#revision = 1;
  }

  readonly #statements: Readonly<Record<string, Statement>> = {
    [EXISTS]: () => [{ exists: true }],
    [CREATE]: () => [],
    [LISTEN]: () => [],
    [LIST]: () => this.#list(),
    [FETCH]: ([services, ids]) => this.#fetch(services as string[], ids as string[]),
    [ANNOUNCE]: (values) => this.#announce(values),
    [WITHDRAW]: ([owner, services, ids, ofOthers]) => {
      for (const [n, service] of (services as string[]).entries()) {
        const key = keyOf(service, (ids as string[])[n]!);
        const row = this.#rows.get(key);
        if (row !== undefined && (row.owner === owner || (ofOthers as boolean[])[n]!)) this.#delete(key);
      }
      return [];
    },
    [WITHDRAW_ALL]: ([owner]) => {
      for (const [key, row] of this.#rows)
        if (row.owner === owner && row.expiresAt < Number.POSITIVE_INFINITY) this.#delete(key);
      return [];
    },
    [RENEW]: (values) => this.#renew(values),
  };

  #list(): readonly object[] {
    const revision = this.#revision;
    if (this.#rows.size === 0) return [{ id: null, revision }];
    return [...this.#rows.values()].map((row) => ({ ...row, revision }));
  }

  #fetch(services: readonly string[], ids: readonly string[]): readonly object[] {
    const rows = services.map((service, n) => this.#rows.get(keyOf(service, ids[n]!)));
    return rows.filter((row) => row !== undefined);
  }

  #announce([owner, seconds, services, ids, bodies, statics]: Values): readonly object[] {
    for (const [n, service] of (services as string[]).entries()) {
      const id = (ids as string[])[n]!;
      const body = JSON.parse((bodies as string[])[n]!) as Row['body'];
      const known = this.#rows.get(keyOf(service, id));
      this.#revision += 1;
      if (known !== undefined && known.owner !== owner && body.state === 'draining') continue;
      const isStatic = (statics as boolean[])[n]!;
      const expiresAt = isStatic ? Number.POSITIVE_INFINITY : this.#liveUntil(seconds);
      this.#rows.set(keyOf(service, id), { service, id, owner: String(owner), body, expiresAt });
      this.#notify(service, id);
    }
    return [];
  }

  #renew([owner, seconds, mayRemove]: Values): readonly object[] {
    const { now } = this.#network.time;
    let renewed = 0;
    const isYoung = this.#startedAt >= now - Number(seconds) * 1000;
    for (const [key, row] of this.#rows) {
      if (row.owner === owner && row.expiresAt < Number.POSITIVE_INFINITY) {
        this.#rows.set(key, { ...row, expiresAt: this.#liveUntil(seconds) });
        renewed += 1;
      } else if (mayRemove === true && !isYoung && row.expiresAt < now) this.#delete(key);
    }
    return [{ renewed, revision: this.#revision }];
  }

  #liveUntil(seconds: unknown): number {
    return this.#network.time.now + Number(seconds) * 1000;
  }

  #delete(key: string): void {
    const { service, id } = this.#rows.get(key)!;
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
