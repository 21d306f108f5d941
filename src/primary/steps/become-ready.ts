// Step 5, ready: once all workers serve all services the process takes its part of the data plane, opens the
// admin plane if a predecessor had it until now, and announces that it is ready.
import { announceReady, shownHost } from '../../process/ready.js';
import { schemeOf } from '../../server/certificate.js';
import type { BootState } from '../boot-state.js';
import { serveDeveloper } from '../developer-reload.js';
import { bannerText, hasReader } from '../ready-banner.js';
import type { Base } from './open-shared-memory.js';
import type { SentDatabase } from './prepare-databases.js';
import type { Serving } from './start-serving.js';

/** The process does not wait longer for its share of limits over several processes. */
const SHARE_WITHIN_MS = 2_000;

export async function becomeReady(
  boot: BootState,
  base: Base,
  serving: Serving,
  sent: readonly SentDatabase[],
): Promise<void> {
  const { settings, databases, notifier, log } = base;
  const { dataPlane, threads, readiness, adminPlane, openAdminPlane, limitShares } = serving;
  await threads.workers.until(
    (workers) =>
      workers.length === threads.workers.count &&
      workers.every(
        ({ state, serving: services }) =>
          state.kind === 'ready' && databases.names.every((name) => services.has(name)),
      ),
  );
  await limitShares?.settled(SHARE_WITHIN_MS);
  boot.continueUnlessEnding();
  const waiting = limitShares?.waiting;
  if (waiting !== undefined) log.warn(`${waiting}; until then routes with such limits respond with STARTING`);
  // The workers that run now were sent `exclusive` databases and have taken over the open sagas of ended
  // processes. Workers that start later must not: a successor may run beside them, and they would take its
  // sagas.
  for (const database of sent) database.exclusive = false;
  readiness.reached();
  try {
    await dataPlane.join();
    if (adminPlane.server === undefined) await openAdminPlane();
  } catch (error) {
    await boot.failStep(error, log, 'the process cannot begin to serve', 70);
  }
  const address = `${schemeOf(settings)}://${shownHost(settings.host)}:${dataPlane.port}`;
  const adminAddress = `http://${shownHost(settings.adminHost)}:${adminPlane.port}`;
  boot.continueUnlessEnding();
  boot.projectListeners.report(log);
  announceReady(address, adminAddress);
  if (hasReader(process)) {
    const planes = { dataPlane: address, adminPlane: adminAddress };
    const services = base.services.map(({ name }) => name);
    const facts = { version: base.version, workers: settings.workers, services };
    process.stderr.write(bannerText({ ...facts, ...planes }));
  }
  serveDeveloper({ threads, block: base.sharedState.block });
  notifier.ready(`serving on ${address}`);
  log.info(
    {
      port: dataPlane.port,
      adminPort: adminPlane.port,
      workers: settings.workers,
      httpCore: base.core.core,
      httpCoreReason: base.core.why,
      grpcWorkers: base.grpcWorkers,
    },
    'ready',
  );
}
