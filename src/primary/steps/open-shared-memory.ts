// Step 1, share: the services of the project, the log, and the memory that all threads share. Nothing here
// is visible to another process yet.
import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { readAcceptTokens } from '../../admin/accept-tokens.js';
import { OperatorSwitches } from '../../admin/operator-switches.js';
import type { ServiceDefinition } from '../../api/service-definition.js';
import { rowsFor } from '../../cluster/worker-rows.js';
import type { ChosenCore } from '../../config/chosen-core.js';
import { checkGrpcPorts } from '../../config/grpc-checks.js';
import type { ShownSetting } from '../../config/print.js';
import type { Settings } from '../../config.js';
import { SystemdNotifier } from '../../process/systemd-notifier.js';
import type { Registry } from '../../registry/registry.js';
import { createLogger } from '../../telemetry/log.js';
import { levelNumber } from '../../telemetry/log-level.js';
import { droppedItems } from '../../telemetry/otlp-sender.js';
import { loadServices } from '../../worker/load-services.js';
import type { BootState } from '../boot-state.js';
import { createSharedState, type SharedState } from '../create-shared-state.js';
import { declaresGrpc } from '../grpc-instances.js';
import { type LogOutput, logOutput } from '../log-output.js';
import { ServiceDatabases } from '../service-databases.js';

/** What all later steps use. */
export interface Base {
  readonly settings: Settings;
  /** The HTTP core, and why it was chosen. */
  readonly core: ChosenCore;
  /** All settings as operators read them. */
  readonly shownSettings: readonly ShownSetting[];
  /** The version of Multilane. */
  readonly version: string;
  readonly services: readonly ServiceDefinition[];
  /** GRPC_WORKERS; 0 when no service declares gRPC. */
  readonly grpcWorkers: number;
  /** Tokens that remote processes register instances with. */
  readonly delegates: Awaited<ReturnType<typeof readAcceptTokens>>;
  readonly output: LogOutput;
  readonly log: Logger;
  readonly notifier: SystemdNotifier;
  readonly instanceId: string;
  readonly sharedState: SharedState;
  readonly switches: OperatorSwitches;
  readonly databases: ServiceDatabases;
  /** Hands over the registry, which names the endpoints in log lines about breakers and ejections. */
  setRegistry(registry: Registry): void;
}

/** @throws ConfigError for a project that cannot be loaded, and for mistakes in its migrations */
export async function openSharedMemory(
  { lifecycle }: BootState,
  settings: Settings,
  read: Pick<Base, 'core' | 'shownSettings' | 'version'> & { readonly warnings: readonly string[] },
): Promise<Base> {
  const services = await loadServices(settings);
  const delegates = await readAcceptTokens(settings.registryAcceptTokensFile);
  // The level and the counter of dropped lines are in shared memory, which needs the log first: until then
  // the level is that of the settings.
  let level = (): number => levelNumber(settings.logLevel);
  const lost = { written: (): void => undefined, exported: (): void => undefined };
  const output = logOutput(settings, { written: () => lost.written(), exported: () => lost.exported() });
  lifecycle.defer('logs', () => output.close());
  const log = createLogger(settings, {}, output.sink, () => level());
  const notifier = new SystemdNotifier(settings.notify, log);
  lifecycle.defer('notifier', () => notifier.close());
  for (const warning of read.warnings) log.warn(warning);
  const instanceId = randomUUID();
  // The registry is made later, but before any breaker or ejection can change, whose endpoint is looked up in
  // it.
  let registry: Registry | undefined;
  const grpcWorkers = services.some(declaresGrpc) ? settings.grpcWorkers : 0;
  if (grpcWorkers > 0) checkGrpcPorts(settings);
  const rows = rowsFor(settings.workers) + (grpcWorkers > 0 ? rowsFor(grpcWorkers) : 0);
  const sharedState = createSharedState(settings, rows, log, (slot) => registry!.at(slot));
  const switches = new OperatorSwitches(settings, sharedState);
  level = () => sharedState.switches.logLevel;
  const droppedLines = sharedState.recorder.counter('multilane_log_lines_dropped_total');
  lost.written = () => droppedLines.add();
  if (output.exported !== undefined) {
    const droppedExports = droppedItems(sharedState.recorder, 'logs');
    lost.exported = () => droppedExports('queue_full', 1);
  }

  const databases = new ServiceDatabases(settings, services, log);
  await databases.checkMigrations();
  return {
    ...{ settings, core: read.core, shownSettings: read.shownSettings, version: read.version },
    ...{ services, grpcWorkers, delegates, output, log, notifier },
    ...{ instanceId, sharedState, switches, databases },
    setRegistry(opened) {
      registry = opened;
    },
  };
}
