// Migrates the databases of a project without starting the rest of the process, for `multilane migrate`. As
// at a start, an embedded server is started on a claimed DATA_DIR, and stopped last.
import type { Logger } from 'pino';
import { socketDirectory } from '../config/socket-directory.js';
import type { Settings } from '../config.js';
import type { Countdown } from '../countdown.js';
import type { Embedded } from '../postgres/embedded.js';
import { stopUnused } from '../postgres/embedded-stop.js';
import { startEmbedded } from '../postgres/start-embedded.js';
import { claimAlone, claimUntil } from '../process/claim.js';
import { Lifecycle } from '../process/lifecycle.js';
import { exitProcess } from '../process/process-exit.js';
import { loadServices } from '../worker/load-services.js';
import { type ServiceDatabaseState, ServiceDatabases } from './service-databases.js';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** Time reserved for stopping the server, whatever the parts that are stopped before it take. */
const SERVER_STOPS_MS = 15_000;

/**
 * Creates and migrates what is missing.
 * @returns the states of the databases before that
 * @throws StartError, ConfigError
 */
export function migrateDatabases(settings: Settings, log: Logger): Promise<readonly ServiceDatabaseState[]> {
  return withServer(settings, log, async (databases, embedded) => {
    const before = await databases.states(embedded);
    await databases.prepare(embedded, false, async () => {});
    return before;
  });
}

/** @throws StartError, ConfigError */
export function databaseStates(settings: Settings, log: Logger): Promise<readonly ServiceDatabaseState[]> {
  return withServer(settings, log, (databases, embedded) => databases.states(embedded));
}

/**
 * Runs `work` with the databases. A signal stops the server in order, which rolls back the migration under
 * way, and ends the process with exit code 1.
 */
async function withServer<T>(
  settings: Settings,
  log: Logger,
  work: (databases: ServiceDatabases, embedded: Embedded | undefined) => Promise<T>,
): Promise<T> {
  const lifecycle = new Lifecycle();
  const waiting = new AbortController();
  let isInterrupted = false;
  const interrupt = (signal: string): void => {
    // npm and a terminal deliver one Ctrl-C more than once.
    if (isInterrupted) return;
    isInterrupted = true;
    process.stderr.write(`multilane: ${signal}: what is under way is rolled back\n`);
    void lifecycle.stop(log).then(() => exitProcess(1, false));
  };
  // The listeners are installed only now. Code of the project may block the thread while it is loaded. No
  // listener would be called then, but a signal without a listener ends the process.
  const services = await loadServices(settings);
  for (const signal of SIGNALS) process.on(signal, interrupt);
  try {
    const databases = new ServiceDatabases(settings, services, log);
    await databases.checkMigrations();
    let starting: Promise<Embedded> | undefined;
    if (databases.needsEmbedded) {
      const { lock } = await claimUntil(
        () => isInterrupted,
        (entering) => claimAlone(settings, log, entering),
        lifecycle,
        (claimed, countdown) => stopUnused({ dataDir: settings.dataDir, lock: claimed, log }, countdown),
      );
      const { dataDir } = settings;
      const { signal } = waiting;
      starting = startEmbedded({ dataDir, socketDir: socketDirectory(settings), lock, log, signal });
      // A failed start is thrown by the `await starting` below.
      const stopServer = async (countdown: Countdown): Promise<void> => {
        waiting.abort();
        await (await starting?.catch(() => undefined))?.stop(countdown);
      };
      lifecycle.defer('embedded PostgreSQL', stopServer, SERVER_STOPS_MS);
    }
    lifecycle.defer('database probes', () => databases.stopWatching());
    return await work(databases, await starting);
  } finally {
    await lifecycle.stop(log);
    for (const signal of SIGNALS) process.removeListener(signal, interrupt);
  }
}
