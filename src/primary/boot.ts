// The boot order of the primary. Each step starts one part and says how it is stopped; the rules are
// elsewhere.

import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { acceptTokens } from '../admin/accept-tokens.js';
import { arrivalsOf } from '../admin/arrival-limit.js';
import { OperatorSwitches } from '../admin/operator-switches.js';
import { type AdminServer, startAdminServer } from '../admin/server.js';
import { heapLimits } from '../cluster/heap-limits.js';
import { watchHeaps } from '../cluster/heap-watch.js';
import { rebalance } from '../cluster/rebalance.js';
import { Reload } from '../cluster/reload.js';
import { Supervisor } from '../cluster/supervisor.js';
import { KEPT_FILES } from '../config/connection-limit.js';
import { oldGenerationLimit } from '../config/heap-limit.js';
import { machineFacts } from '../config/machine-facts.js';
import { socketDirectory } from '../config/socket-directory.js';
import type { Settings } from '../config.js';
import type { Countdown } from '../countdown.js';
import { TaskPool } from '../cpu/task-pool.js';
import { errorMessage } from '../error-text.js';
import { ConfigError, StartError } from '../errors.js';
import { DatabaseBudget } from '../memory/database-budget.js';
import { sweepHourly } from '../memory/hourly-sweep.js';
import { watchPermits } from '../memory/lost-permits.js';
import { reclaimSlot } from '../memory/reclaim-slot.js';
import { canOpen } from '../open-files.js';
import { type Embedded, startEmbedded } from '../postgres/embedded.js';
import { stopUnused } from '../postgres/embedded-stop.js';
import { claim, claimUntil } from '../process/claim.js';
import { Ending } from '../process/ending.js';
import { Lifecycle } from '../process/lifecycle.js';
import type { OwnerLock } from '../process/owner-lock.js';
import { exitProcess } from '../process/process-exit.js';
import { announceReady, shownHost } from '../process/ready.js';
import type { Signals } from '../process/signals.js';
import { startFailure } from '../process/start-failure.js';
import { SystemdNotifier } from '../process/systemd-notifier.js';
import { schemeOf } from '../server/certificate.js';
import { takeCensus } from '../server/connections/connection-census.js';
import { switchableRoutesIn } from '../server/kill-switch.js';
import { flightRecordLog } from '../telemetry/flight-record-log.js';
import { createLogger } from '../telemetry/log.js';
import { levelNumber } from '../telemetry/log-level.js';
import { watchEjections } from '../upstream/ejection-watch.js';
import { loadServices } from '../worker/load-services.js';
import { adminRoutes } from './admin-routes.js';
import { addressOf, openDataPlane } from './data-plane.js';
import { handOverAdminPlane } from './hand-over.js';
import { logOutput } from './log-output.js';
import { Readiness } from './readiness.js';
import { createRegistry, registerServices } from './registering.js';
import { SagaJournals } from './saga-journals.js';
import { ServiceDatabases } from './service-databases.js';
import { createSharedState } from './shared-state.js';
import { watchStalls } from './stall-watch.js';
import { sweepOf } from './sweep.js';

const HTTP_WORKER = new URL('../workers/http.js', import.meta.url);
const TASK_WORKER = new URL('../workers/task.js', import.meta.url);
/** CPU tasks of workers that have drained are nobody's any more. */
const CPU_CLOSE_MS = 200;
/** The embedded PostgreSQL gets three signals, each harder than the one before. */
const POSTGRES_STOPS_MS = 1_000;

/** Starts the whole process. What fails before anything is held is thrown; later failures end the process. */
export async function start(
  settings: Settings,
  warnings: readonly string[],
  signals: Signals,
): Promise<void> {
  const lifecycle = new Lifecycle();
  let ending: Ending | undefined;
  const made = (one: Ending): void => {
    ending = one;
  };
  try {
    await startParts(settings, warnings, signals, lifecycle, made);
  } catch (error) {
    if (ending === undefined) {
      await lifecycle.stop(undefined);
      throw error;
    }
    // What fails because it is being stopped is no failure.
    if (ending.hasBegun) return;
    const { message, exitCode } = startFailure(error);
    await ending.fail(message, exitCode);
  }
}

async function startParts(
  settings: Settings,
  warnings: readonly string[],
  signals: Signals,
  lifecycle: Lifecycle,
  made: (ending: Ending) => void,
): Promise<void> {
  const services = await loadServices(settings);
  const delegates = await acceptTokens(settings.registryAcceptTokensFile);
  // The level is a word of the memory, and that has to have the log first: until then it is what the settings
  // say.
  let lowest = (): number => levelNumber(settings.logLevel);
  let dropped = (): void => undefined;
  const output = logOutput(settings, () => dropped());
  lifecycle.defer('logs', () => output.close());
  const log = createLogger(settings, {}, output.sink, () => lowest());
  const notifier = new SystemdNotifier(settings.notify, log);
  lifecycle.defer('notifier', () => notifier.close());
  for (const warning of warnings) log.warn(warning);
  const instanceId = randomUUID();
  // Cells are asked before there is a registry, but nothing moves before it is there.
  const sharedState = createSharedState(settings, log, (slot) => registering.registry.at(slot));
  const switches = new OperatorSwitches(settings, sharedState, log);
  lowest = () => sharedState.switches.logLevel;
  const droppedLines = sharedState.recorder.counter('multilane_log_lines_dropped_total');
  dropped = () => droppedLines.add();

  // What only one process may have: the folder and the two ports.
  const databases = new ServiceDatabases(settings, services, log);
  await databases.checkMigrations();
  const ending = new Ending({
    signals,
    lifecycle,
    log,
    exit: async (code, isStuck, countdown) => {
      await output.close();
      return exitProcess(code, isStuck, countdown.leftMs);
    },
  });
  made(ending);
  // From the claim on an elder may leave it PostgreSQL, also before it begins to start its own.
  const leave = async (claimed: OwnerLock, countdown: Countdown): Promise<void> => {
    if (databases.needEmbedded)
      await stopUnused({ dataDir: settings.dataDir, lock: claimed, log }, countdown);
  };
  const { lock, sharing } = await claimUntil(
    () => ending.hasBegun,
    (entering) => claim(settings, databases.needEmbedded, log, entering),
    lifecycle,
    leave,
  );
  let starting: Promise<Embedded> | undefined;
  const waiting = new AbortController();
  lifecycle.defer(
    'embedded PostgreSQL',
    async (countdown) => {
      waiting.abort(); // one that is still starting is stopped there
      const embedded = await starting?.catch(() => undefined);
      if (embedded !== undefined) await embedded.stop(countdown);
      else if (lock !== undefined) await leave(lock, countdown);
    },
    POSTGRES_STOPS_MS,
  );
  // Resolved here, where an end does not have to wait for it: the core would keep the thread meanwhile.
  const bound = { ...settings, host: await addressOf(settings.host) };
  if (ending.hasBegun) return;
  const dataPlane = await openDataPlane(bound, sharing, sharedState.block, log);
  lifecycle.defer('data plane', () => dataPlane.close());
  const { maxConnections } = settings;
  lifecycle.defer('connection census', takeCensus(sharedState.block, dataPlane.port, maxConnections, log));

  let adminPort = settings.adminPort;
  const registering = createRegistry({
    settings,
    sharedState,
    instanceId,
    guarded: () => [{ host: settings.adminHost, port: adminPort }, ...databases.addresses],
  });
  const { registry } = registering;
  lifecycle.defer('registry', () => registering.close());
  lifecycle.defer('ejections', watchEjections(sharedState.ejections, registry));
  registerServices(registry, services, settings, dataPlane.port);

  const cpu = new TaskPool({ threads: settings.cpuThreads, entry: TASK_WORKER, log });
  lifecycle.defer('CPU pool', () => cpu.close({ withinMs: CPU_CLOSE_MS }));
  const dumpFlights = flightRecordLog(sharedState, log);
  const supervisor: Supervisor = new Supervisor({
    entry: HTTP_WORKER,
    settings: bound,
    block: sharedState.block,
    series: sharedState.series,
    sharding: dataPlane,
    instanceId,
    log,
    openThreadLog: () => output.openThreadLog(),
    attachCpu: (port) => cpu.attach(port),
    reclaim: (slot) => reclaimSlot(sharedState, slot),
    dumpFlights,
    isShortOfFiles: () => !canOpen(KEPT_FILES),
    restarted: (reason) => sharedState.recorder.counter('multilane_worker_restarts_total', { reason }).add(),
    offered: (offer) => switches.offered(switchableRoutesIn(offer)),
    fatal: (message, exitCode) => void ending.fail(message, exitCode),
    exhausted: (message) => void ending.failAfterDrain(message),
  });
  lifecycle.defer('stall watch', watchStalls({ settings, sharedState, supervisor, log, dumpFlights }));
  lifecycle.defer('sweep', sweepHourly(sweepOf(sharedState)));
  const unsettled = sharedState.recorder.gauge('multilane_permits_unsettled');
  lifecycle.defer('lost permits', watchPermits(sharedState.block, unsettled, log));
  const reload = new Reload(supervisor, log);
  const readiness = new Readiness(sharedState.switches, supervisor, databases);
  lifecycle.defer('readiness', () => readiness.stop());
  ending.setServing({
    drain: async () => {
      try {
        await handOverAdminPlane(admin, lock, log);
      } finally {
        readiness.drain();
        notifier.stopping();
        for (const { name } of services) registry.setLocalState(name, 'draining');
        await delay(settings.drainNoticeMs);
        try {
          await dataPlane.stopListening();
        } finally {
          await supervisor.stop(settings.drainMs);
        }
      }
    },
    drainWithinMs: settings.drainNoticeMs + settings.drainMs,
    unfinished: () => [...supervisor.unfinished, ...cpu.unfinished],
    leaveNow: () => supervisor.stop(0),
    reload: () => {
      if (!ending.hasBegun) notifier.reloading(reload.begin());
    },
  });

  lock?.onOwnershipLost((why) => {
    // What PostgreSQL would write now belongs to the other one.
    void starting?.then(
      (embedded) => embedded.discard(),
      () => undefined,
    );
    const folder = databases.needEmbedded ? `DATA_DIR ${settings.dataDir}` : 'the pm2 slot';
    void ending.fail(`${folder} is not ours any more: ${why}`, 70);
  });
  const journals = new SagaJournals(services, { settings, sharedState, instanceId, log });
  lifecycle.defer('saga journals', () => journals.close());
  let admin: AdminServer | undefined;
  const openAdminPlane = async (): Promise<void> => {
    admin = await startAdminServer({
      host: settings.adminHost,
      port: settings.adminPort,
      sharing,
      token: settings.adminToken,
      allowedHosts: settings.adminAllowedHosts,
      delegates,
      limits: {
        arrivals: arrivalsOf(sharedState.block, { ...machineFacts(false), workers: settings.workers }),
      },
      closed: (reason) =>
        sharedState.recorder.counter('multilane_admin_connections_closed_total', { reason }).add(),
      routes: adminRoutes({
        settings,
        sharedState,
        switches,
        supervisor,
        reload,
        registry,
        cpu,
        readiness,
        journals,
      }),
      log,
    });
    lifecycle.defer('admin plane', () => admin?.close());
    adminPort = admin.port;
  };
  // Beside a predecessor only when we are ready: until then it speaks for the two of us.
  if (sharing !== 'beside') await openAdminPlane();
  if (ending.hasBegun) return;

  const placed: { exclusive: boolean }[] = [];
  // Workers serve as soon as they listen; what needs a database answers 503 STARTING until it is there.
  // Beside a predecessor nobody is to be answered that: there they start when it is.
  if (sharing !== 'beside') supervisor.start();
  const limits = heapLimits(settings.workerHeapMb, oldGenerationLimit());
  lifecycle.defer('heap watch', watchHeaps({ supervisor, block: sharedState.block, limits, log }));
  const { block } = sharedState;
  lifecycle.defer('rebalancing', rebalance({ supervisor, block, sharding: dataPlane, maxConnections }));
  lifecycle.defer('database probes', () => databases.stopWatching());
  try {
    if (databases.needEmbedded) {
      const { dataDir } = settings;
      const socketDir = socketDirectory(settings);
      starting = startEmbedded({ dataDir, socketDir, lock: lock!, log, signal: waiting.signal });
    }
    const embedded = await starting;
    if (ending.hasBegun) return;
    const shared = (await lock?.isShared()) ?? false;
    await databases.prepare(embedded, shared, async ({ service, url, exclusive }) => {
      await databases.openBudget(embedded, (most) => DatabaseBudget.configure(sharedState.block, most));
      const database = { url, exclusive };
      placed.push(database);
      supervisor.serviceReady({ service, database });
      registry.setLocalState(service, 'healthy');
      journals.arrive(service, url);
    });
    if (ending.hasBegun) return;
    if (sharing === 'beside') supervisor.start();
  } catch (error) {
    if (ending.hasBegun) return;
    const known = error instanceof StartError || error instanceof ConfigError;
    if (!known) log.error({ err: error }, 'the databases cannot be prepared');
    await ending.fail(errorMessage(error), known ? error.exitCode : 1);
    return;
  }

  await supervisor.until(
    (lanes) =>
      lanes.length === settings.workers &&
      lanes.every(
        ({ state, serving }) => state.kind === 'ready' && databases.names.every((name) => serving.has(name)),
      ),
  );
  if (ending.hasBegun) return;
  // What a dead process had is taken over. Threads that start later may find a successor beside us.
  for (const database of placed) database.exclusive = false;
  readiness.reached();
  try {
    await dataPlane.join();
    if (admin === undefined) await openAdminPlane();
  } catch (error) {
    const known = error instanceof StartError;
    if (!known) log.error({ err: error }, 'the process cannot begin to serve');
    await ending.fail(errorMessage(error), known ? error.exitCode : 70);
    return;
  }
  const address = `${schemeOf(settings)}://${shownHost(settings.host)}:${dataPlane.port}`;
  announceReady(address, `http://${shownHost(settings.adminHost)}:${adminPort}`);
  notifier.ready(`serving on ${address}`);
  log.info({ port: dataPlane.port, adminPort, workers: settings.workers }, 'ready');
}
