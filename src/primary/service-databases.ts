// The databases of the mounted services, on the embedded server or on the operator's: creates, migrates and
// watches them.
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
import { MissingFolderError } from '../db/migration-folder.js';
import { ServerProbe } from '../db/server-probe.js';
import { serverOf } from '../db/server-url.js';
import { ConfigError } from '../errors.js';
import type { Embedded } from '../postgres/embedded.js';
import { placeOfUrl } from '../user-code/url-place.js';
import { PoolLimit } from './pool-limit.js';

const SAGA_JOURNAL = { name: 'saga', folder: new URL('../saga/migrations/', import.meta.url) };

/** How a service's own database is reached. */
export interface PreparedDatabase {
  readonly service: string;
  readonly url: string;
  /** It is on the embedded server, and no predecessor of this process uses that server. */
  readonly exclusive: boolean;
}

/** What of a service's database exists. */
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
  readonly #poolLimit: PoolLimit;
  #budget: Promise<void> | undefined;

  /**
   * @param nameOf returns the name of a service's database; by default that of the service
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
    this.#poolLimit = new PoolLimit(settings, this.#services, log);
  }

  /** Services that have a database. */
  get names(): readonly string[] {
    return this.#services.map(({ name }) => name);
  }

  /** Services whose database is not migrated yet. */
  get startingServices(): readonly string[] {
    return this.names.filter((name) => !this.#prepared.has(name));
  }

  /** Addresses of the servers on the network. No instance may be registered with one of them. */
  get addresses(): readonly { readonly host: string; readonly port: number }[] {
    const { databaseUrl, serviceDatabaseUrls } = this.#settings;
    return [databaseUrl, ...Object.values(serviceDatabaseUrls)]
      .filter((url) => url !== undefined)
      .map(serverOf)
      .filter(({ host }) => !host.startsWith('/'));
  }

  /** No setting names a server for at least one service. */
  get needsEmbedded(): boolean {
    const { databaseUrl, serviceDatabaseUrls } = this.#settings;
    return databaseUrl === undefined && this.#services.some(({ name }) => !serviceDatabaseUrls[name]);
  }

  /**
   * Reads the folders of the migrations; to be called before a server is started for them.
   * @throws ConfigError for mistakes in these folders
   */
  async checkMigrations(): Promise<void> {
    try {
      for (const target of this.#targetsOn(undefined))
        await plannedMigrations({ service: target.name, ...target });
    } catch (error) {
      const { configFile } = this.#settings;
      if (!(error instanceof MissingFolderError) || configFile === undefined) throw error;
      const place = placeOfUrl(configFile, error.folder);
      throw place === undefined ? error : new ConfigError(`${place}: ${error.message}`, { cause: error });
    }
  }

  /**
   * Creates and migrates all databases in parallel.
   * @param embedded the server of services for which no setting names one
   * @param isShared whether a predecessor still uses that server
   * @param ready called with each database when it is migrated
   * @throws StartError
   */
  async prepare(
    embedded: Embedded | undefined,
    isShared: boolean,
    ready: (database: PreparedDatabase) => Promise<void>,
  ): Promise<void> {
    this.#targets = this.#targetsOn(embedded);
    const notified: Promise<void>[] = [];
    await prepareDatabases(this.#targets, this.#log, (service) => {
      const target = this.#targets.find(({ name }) => name === service)!;
      notified.push(
        ready({
          service,
          url: serviceDatabase(target),
          exclusive: target.server === embedded?.url && !isShared,
        }).then(() => {
          this.#prepared.add(service);
        }),
      );
    });
    await Promise.all(notified);
    // Probed through a service's database: the role may have no access to the maintenance database, and the
    // URL may name none.
    const servers = new Map(this.#targets.map((target) => [target.server, serviceDatabase(target)]));
    for (const url of servers.values()) this.#probes.push(new ServerProbe(url, this.#log));
  }

  /** Drops the databases that `prepare` has created. @throws StartError */
  async drop(): Promise<void> {
    await Promise.all(this.#targets.map(dropDatabase));
  }

  /** What exists of each database, and which migrations are pending; changes nothing. @throws StartError */
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
   * Passes the number of connections that the whole process may open to `configure`, once.
   * @throws ConfigError when the servers admit fewer connections than there are databases and journals
   */
  openBudget(embedded: Embedded | undefined, configure: (most: number) => void): Promise<void> {
    this.#budget ??= this.#poolLimit.connections(embedded, this.#targets).then(configure);
    return this.#budget;
  }

  /** Addresses of the servers that do not respond now. */
  get unresponsive(): readonly string[] {
    return this.#probes.flatMap((probe) => probe.silentAddress ?? []);
  }

  async stopWatching(): Promise<void> {
    await Promise.all(this.#probes.map((probe) => probe.stop()));
  }
}
