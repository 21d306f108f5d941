// Step 4, databases: the embedded PostgreSQL where one is needed, then the databases of all services, created
// and migrated in parallel. Each service serves as soon as its own database is migrated.
import { DatabaseBudget } from '../../memory/database-budget.js';
import type { BootState } from '../boot-state.js';
import type { Owned } from './claim-ownership.js';
import type { Base } from './open-shared-memory.js';
import type { Serving } from './start-serving.js';

/**
 * How workers reach a service's database. The supervisor keeps this object and sends it to every worker that
 * starts later, so a change of `exclusive` takes effect for those.
 */
export interface SentDatabase {
  readonly url: string;
  /**
   * No other process uses the database, so a worker continues the open sagas in it at once. It becomes false
   * once this process is ready: a successor may run beside the workers that start later.
   */
  exclusive: boolean;
}

/**
 * Prepares the databases, and sends each one to the workers as soon as it is migrated. A failure ends the
 * process.
 * @returns what was sent to the workers, one object for each database
 */
export async function prepareDatabases(
  boot: BootState,
  base: Base,
  { lock, embeddedServer }: Owned,
  { registry, threads, grpc, journals }: Serving,
): Promise<readonly SentDatabase[]> {
  const { databases, sharedState, log } = base;
  const { workers } = threads;
  const sent: SentDatabase[] = [];
  try {
    const embedded = await embeddedServer.start();
    boot.continueUnlessEnding();
    const isShared = (await lock?.isShared()) ?? false;
    await databases.prepare(embedded, isShared, async ({ service, url, exclusive }) => {
      await databases.openBudget(embedded, (most) => DatabaseBudget.configure(sharedState.block, most));
      const database = { url, exclusive };
      sent.push(database);
      workers.serviceReady({ service, database });
      registry.setLocalState(service, 'healthy');
      grpc?.migrated(service);
      journals.arrive(service, url);
    });
    boot.continueUnlessEnding();
    if (boot.isBesidePredecessor) workers.start();
  } catch (error) {
    boot.continueUnlessEnding();
    await boot.failStep(error, log, 'the databases cannot be prepared', 1);
  }
  return sent;
}
