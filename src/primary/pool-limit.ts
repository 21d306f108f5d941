// How many database connections the whole process may open: DATABASE_POOL_MAX, or its default.
import type { Logger } from 'pino';
import type { ServiceDefinition } from '../api/service-definition.js';
import type { Settings } from '../config.js';
import { counted } from '../counted.js';
import { type DatabaseTarget, serviceDatabase } from '../db/databases.js';
import { maxConnectionsOf } from '../db/server-probe.js';
import { addressOf } from '../db/server-url.js';
import { ConfigError } from '../errors.js';
import type { Embedded } from '../postgres/embedded.js';

/** Connections of the server that are left to operators, to migrations and to our own probe. */
const RESERVED_CONNECTIONS = 10;

type PoolSettings = Pick<
  Settings,
  'databasePoolMax' | 'workers' | 'pmId' | 'registry' | 'databaseUrl' | 'serviceDatabaseUrls'
>;

export class PoolLimit {
  readonly #settings: PoolSettings;
  /** Services that have a database. */
  readonly #services: readonly ServiceDefinition[];
  readonly #log: Logger;

  /**
   * @throws ConfigError when DATABASE_POOL_MAX is set to fewer connections than there are databases and
   *   journals
   */
  constructor(settings: PoolSettings, services: readonly ServiceDefinition[], log: Logger) {
    this.#settings = settings;
    this.#services = services;
    this.#log = log;
    if (settings.databasePoolMax !== undefined) this.#requireOneEach(settings.databasePoolMax);
  }

  /**
   * DATABASE_POOL_MAX, or 2 x WORKERS x databases, at most what the servers admit less 10.
   * @throws ConfigError when the servers admit fewer connections than there are databases and journals
   */
  async connections(embedded: Embedded | undefined, targets: readonly DatabaseTarget[]): Promise<number> {
    const { databasePoolMax, pmId } = this.#settings;
    if (databasePoolMax !== undefined) return databasePoolMax - this.#registrySessions;
    const free = (await admittedConnections(embedded, targets)) - RESERVED_CONNECTIONS;
    // Under pm2 a predecessor or a successor may use the embedded server at the same time.
    const share = embedded !== undefined && pmId !== null ? Math.floor(free / 2) : free;
    const most = Math.min(this.#default, share - this.#registrySessions);
    this.#requireOneEach(most + this.#registrySessions);
    return most;
  }

  /** The registry has a session of its own, when it is on a server of the databases. */
  get #registrySessions(): 0 | 1 {
    const { registry, databaseUrl, serviceDatabaseUrls } = this.#settings;
    if (!/^postgres/i.test(registry)) return 0;
    const address = addressOf(registry);
    const servers = [databaseUrl, ...Object.values(serviceDatabaseUrls)];
    return servers.some((url) => url !== undefined && addressOf(url) === address) ? 1 : 0;
  }

  get #default(): number {
    return 2 * this.#settings.workers * this.#services.length;
  }

  #requireOneEach(most: number): void {
    const databases = this.#services.length;
    const journals = this.#services.filter(({ sagas = [] }) => sagas.length > 0).length;
    const registries = this.#registrySessions;
    if (most < databases + journals + registries) {
      const needed =
        (journals === 0 ? '' : ` and ${counted(journals, 'saga journal')}`) +
        (registries === 0 ? '' : ' and the registry');
      throw new ConfigError(
        `DATABASE_POOL_MAX: ${counted(most, 'connection')} for ${counted(databases, 'database')}${needed}, ` +
          `which need one each; the default is 2 x WORKERS x databases = ${this.#default}, at most max_connections - ${RESERVED_CONNECTIONS}`,
      );
    }
    this.#warnOfFew(most, journals);
  }

  /** Every worker has a connection of its own to each journal, for the leases of its sagas. */
  #warnOfFew(most: number, journals: number): void {
    const { workers } = this.#settings;
    const enough = this.#services.length + workers * journals;
    if (journals === 0 || most >= enough) return;
    this.#log.warn(
      { most, enough },
      `DATABASE_POOL_MAX: ${most} connections are fewer than one for each of ${this.#services.length} databases and, in ` +
        `each of ${workers} workers, each of ${journals} saga journals, together ${enough}: workers take turns, and ` +
        'under load sagas may lose their leases',
    );
  }
}

/** What the servers admit: the smallest `max_connections`. */
async function admittedConnections(
  embedded: Embedded | undefined,
  targets: readonly DatabaseTarget[],
): Promise<number> {
  const byUrl = new Map(targets.map((target) => [serviceDatabase(target), target]));
  if (embedded !== undefined || byUrl.size === 0) return embedded?.maxConnections ?? RESERVED_CONNECTIONS;
  const limits = [...byUrl].map(([url, { name, setting }]) =>
    maxConnectionsOf({ service: name, setting }, url),
  );
  return Math.min(...(await Promise.all(limits)));
}
