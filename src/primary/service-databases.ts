// The databases of the mounted services: the embedded server or the operator's, created, migrated, watched.
import type { Logger } from 'pino';
import { hasDatabase } from '../api/define-service.js';
import type { ServiceDefinition } from '../api/service-definition.js';
import { databaseUrlOf } from '../config/table.js';
import type { Settings } from '../config.js';
import {
  type DatabaseTarget,
  databaseStates,
  dropDatabase,
  prepareDatabases,
  serviceDatabase,
} from '../db/databases.js';
import { type MigrationState, plannedMigrations } from '../db/migrate.js';
import { maxConnectionsOf, ServerProbe } from '../db/server-probe.js';
import { serverOf } from '../db/server-url.js';
import { ConfigError } from '../errors.js';
import type { Embedded } from '../postgres/embedded.js';

/** Connections of the server that are left to others: operators, migrations, our own probe. */
const RESERVED_CONNECTIONS = 10;

const SAGA_JOURNAL = { name: 'saga', folder: new URL('../saga/migrations/', import.meta.url) };

/** Where a service's own database is reached. */
export interface PreparedDatabase {
  readonly service: string;
  readonly url: string;
  /** It lies on the embedded server, and no predecessor of ours uses that one. */
  readonly exclusive: boolean;
}

/** How far a service's database is. */
export interface ServiceDatabaseState {
  readonly service: string;
  readonly exists: boolean;
  readonly migrations: readonly MigrationState[];
}

export class ServiceDatabases {
  readonly #settings: Settings;
  readonly #services: readonly ServiceDefinition[];
  readonly #log: Logger;
  readonly #nameOf: (service: string) => string;
  readonly #probes: ServerProbe[] = [];
  readonly #prepared = new Set<string>();
  #targets: readonly DatabaseTarget[] = [];
  #budget: Promise<void> | undefined;

  /**
   * @param nameOf what a service's database is called; default: as the service
   * @throws ConfigError when DATABASE_POOL_MAX is set to fewer connections than there are databases and
   *   journals
   */
  constructor(
    settings: Settings,
    services: readonly ServiceDefinition[],
    log: Logger,
    nameOf: (service: string) => string = (service) => service,
  ) {
    this.#settings = settings;
    this.#services = services.filter(hasDatabase);
    this.#log = log;
    this.#nameOf = nameOf;
    if (settings.databasePoolMax !== undefined) this.#requireOneEach(settings.databasePoolMax);
  }

  /** Services that have a database. */
  get names(): readonly string[] {
    return this.#services.map(({ name }) => name);
  }

  /** Services whose database is not there yet. */
  get starting(): readonly string[] {
    return this.names.filter((name) => !this.#prepared.has(name));
  }

  /** Servers on the network, as nobody may register them. */
  get addresses(): readonly { readonly host: string; readonly port: number }[] {
    const { databaseUrl, serviceDatabaseUrls } = this.#settings;
    return [databaseUrl, ...Object.values(serviceDatabaseUrls)]
      .filter((url) => url !== undefined)
      .map(serverOf)
      .filter(({ host }) => !host.startsWith('/'));
  }

  /** At least one service needs a server that nobody named. */
  get needEmbedded(): boolean {
    const { databaseUrl, serviceDatabaseUrls } = this.#settings;
    return databaseUrl === undefined && this.#services.some(({ name }) => !serviceDatabaseUrls[name]);
  }

  /**
   * Before anything is started for them.
   * @throws ConfigError for mistakes in the folders of the migrations
   */
  async checkMigrations(): Promise<void> {
    for (const target of this.#targetsOn(undefined))
      await plannedMigrations({ service: target.name, ...target });
  }

  /**
   * Creates and migrates all databases in parallel, telling of each when it is done.
   * @param embedded the server where nobody named one
   * @param shared a predecessor still uses that one
   * @throws StartError
   */
  async prepare(
    embedded: Embedded | undefined,
    shared: boolean,
    ready: (database: PreparedDatabase) => Promise<void>,
  ): Promise<void> {
    this.#targets = this.#targetsOn(embedded);
    const told: Promise<void>[] = [];
    await prepareDatabases(this.#targets, this.#log, (service) => {
      const target = this.#targets.find(({ name }) => name === service)!;
      told.push(
        ready({
          service,
          url: serviceDatabase(target),
          exclusive: target.server === embedded?.url && !shared,
        }).then(() => {
          this.#prepared.add(service);
        }),
      );
    });
    await Promise.all(told);
    // By a database of ours: of the maintenance database a role may have nothing, and the URL may name none.
    const servers = new Map(this.#targets.map((target) => [target.server, serviceDatabase(target)]));
    for (const url of servers.values()) this.#probes.push(new ServerProbe(url, this.#log));
  }

  /** Removes what `prepare` has made. @throws StartError */
  async drop(): Promise<void> {
    await Promise.all(this.#targets.map(dropDatabase));
  }

  /** What `prepare` would find to do, by service; changes nothing. @throws StartError */
  states(embedded: Embedded | undefined): Promise<readonly ServiceDatabaseState[]> {
    const states = this.#targetsOn(embedded).map(async (target) => ({
      service: target.name,
      ...(await databaseStates(target, this.#log)),
    }));
    return Promise.all(states);
  }

  #targetsOn(embedded: Embedded | undefined): readonly DatabaseTarget[] {
    const { databaseUrl, serviceDatabaseUrls } = this.#settings;
    const server = databaseUrl ?? embedded?.url ?? '';
    const common = databaseUrl === undefined ? undefined : 'DATABASE_URL';
    return this.#services.map(({ name, migrations, sagas = [] }) => ({
      name,
      setting: serviceDatabaseUrls[name] === undefined ? common : databaseUrlOf(name),
      database: this.#nameOf(name),
      server: serviceDatabaseUrls[name] ?? server,
      migrations,
      framework: sagas.length > 0 ? [SAGA_JOURNAL] : [],
    }));
  }

  /**
   * Tells the budget of the process, once: DATABASE_POOL_MAX, or its default 2 x WORKERS x databases, at most
   * what the servers admit less 10.
   * @throws ConfigError when the servers admit fewer connections than there are databases and journals
   */
  openBudget(embedded: Embedded | undefined, configure: (most: number) => void): Promise<void> {
    this.#budget ??= this.#poolMax(embedded).then(configure);
    return this.#budget;
  }

  async #poolMax(embedded: Embedded | undefined): Promise<number> {
    const { databasePoolMax } = this.#settings;
    if (databasePoolMax !== undefined) return databasePoolMax;
    const free = (await this.#maxConnections(embedded)) - RESERVED_CONNECTIONS;
    // Under pm2 a predecessor or a successor may use the embedded server at the same time.
    const share = embedded !== undefined && this.#settings.pmId !== null ? Math.floor(free / 2) : free;
    const most = Math.min(this.#formula, share);
    this.#requireOneEach(most);
    return most;
  }

  get #formula(): number {
    return 2 * this.#settings.workers * this.#services.length;
  }

  #requireOneEach(most: number): void {
    const databases = this.#services.length;
    const journals = this.#services.filter(({ sagas = [] }) => sagas.length > 0).length;
    if (most < databases + journals) {
      const needed = journals === 0 ? '' : ` and ${counted(journals, 'saga journal')}`;
      throw new ConfigError(
        `DATABASE_POOL_MAX: ${counted(most, 'connection')} for ${counted(databases, 'database')}${needed}, ` +
          `which need one each; the default is 2 x WORKERS x databases = ${this.#formula}, at most max_connections - ${RESERVED_CONNECTIONS}`,
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

  /** Addresses of the servers that do not answer now. */
  get silent(): readonly string[] {
    return this.#probes.flatMap((probe) => probe.silent ?? []);
  }

  async stopWatching(): Promise<void> {
    await Promise.all(this.#probes.map((probe) => probe.stop()));
  }

  async #maxConnections(embedded: Embedded | undefined): Promise<number> {
    const targets = new Map(this.#targets.map((target) => [serviceDatabase(target), target]));
    if (embedded !== undefined || targets.size === 0) return embedded?.maxConnections ?? RESERVED_CONNECTIONS;
    const limits = [...targets].map(([url, { name, setting }]) =>
      maxConnectionsOf({ service: name, setting }, url),
    );
    return Math.min(...(await Promise.all(limits)));
  }
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;
