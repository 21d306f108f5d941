// Step 2, claim: from here on signals and failures end the process in order; then it claims what only one
// process may have, the DATA_DIR or the slot of pm2.
import type { Countdown } from '../../countdown.js';
import type { ConfigError } from '../../errors.js';
import { stopUnused } from '../../postgres/embedded-stop.js';
import { claim, claimUntil } from '../../process/claim.js';
import { hasDevParent } from '../../process/dev-channel.js';
import { Ending } from '../../process/ending.js';
import type { OwnerLock } from '../../process/owner-lock.js';
import { exitProcess } from '../../process/process-exit.js';
import type { Signals } from '../../process/signals.js';
import type { BootState } from '../boot-state.js';
import { DeveloperPostgres } from '../developer-postgres.js';
import { EmbeddedServer } from '../embedded-server.js';
import type { Base } from './open-shared-memory.js';

/**
 * The time that is kept for stopping the embedded PostgreSQL, even when the parts that stop before it take
 * long. It gets three signals in that time, each harder than the one before.
 */
const POSTGRES_STOPS_MS = 1_000;

export interface Owned {
  /** undefined where nothing has to be claimed: without pm2, and without an embedded PostgreSQL. */
  readonly lock: OwnerLock | undefined;
  readonly embeddedServer: Pick<EmbeddedServer, 'start' | 'stop' | 'discard'>;
}

/** @throws StartError naming the folder, and the process that has it */
export async function claimOwnership(boot: BootState, base: Base, signals: Signals): Promise<Owned> {
  const { lifecycle } = boot;
  const { settings, databases, output, log } = base;
  const ending = new Ending({
    signals,
    lifecycle,
    log,
    isLogBesideStderr: process.stdout.isTTY === true && process.stderr.isTTY === true,
    exit: async (code, isStuck, countdown) => {
      await output.close();
      return exitProcess(code, isStuck, countdown.leftMs);
    },
  });
  boot.guardedBy(ending);
  const refuse = ({ message, exitCode }: ConfigError): void => void ending.fail(message, exitCode);
  boot.projectListeners.endStart(refuse, settings.configFile);
  // A predecessor may leave its PostgreSQL to this process from the claim on, so also before this process
  // begins to start its own.
  const stopLeftServer = async (lock: OwnerLock, countdown: Countdown): Promise<void> => {
    if (databases.needsEmbedded) await stopUnused({ dataDir: settings.dataDir, lock, log }, countdown);
  };
  // `multilane dev` has claimed the folder for its child.
  const isOfDeveloper = databases.needsEmbedded && hasDevParent();
  const claimsFolder = databases.needsEmbedded && !isOfDeveloper;
  const claimed = await claimUntil(
    () => boot.isEnding,
    (entering) => claim(settings, claimsFolder, log, entering),
    lifecycle,
    stopLeftServer,
  );
  boot.claimed(claimed);
  const { lock } = claimed;
  const isNeeded = databases.needsEmbedded;
  const embeddedServer = isOfDeveloper
    ? new DeveloperPostgres(settings)
    : new EmbeddedServer({ settings, isNeeded, lock, log, stopLeftServer });
  lifecycle.defer('embedded PostgreSQL', (countdown) => embeddedServer.stop(countdown), POSTGRES_STOPS_MS);
  return { lock, embeddedServer };
}
