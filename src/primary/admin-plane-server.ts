// The admin plane of this process. It opens once: while the process starts or, beside a predecessor, when it
// is ready. The port is known from then on, also where the settings leave the choice to the kernel.

import type { AdminRoute } from '../admin/admin-route.js';
import { arrivalsOf } from '../admin/arrival-limit.js';
import { type AdminServer, startAdminServer } from '../admin/server.js';
import { machineFacts } from '../config/machine-facts.js';
import type { BootState } from './boot-state.js';
import type { Base } from './steps/open-shared-memory.js';

export class AdminPlane {
  readonly #boot: BootState;
  readonly #base: Base;
  #server: AdminServer | undefined;

  constructor(boot: BootState, base: Base) {
    this.#boot = boot;
    this.#base = base;
  }

  /** The server; undefined until it is open. */
  get server(): AdminServer | undefined {
    return this.#server;
  }

  /** The port of the server; until that is open, the port of the settings. */
  get port(): number {
    return this.#server?.port ?? this.#base.settings.adminPort;
  }

  /** @throws StartError when the port cannot be listened on */
  async open(routes: readonly AdminRoute[]): Promise<void> {
    const { settings, grpcWorkers, sharedState, delegates, log } = this.#base;
    const { block, recorder } = sharedState;
    const workers = settings.workers + grpcWorkers;
    const server = await startAdminServer({
      host: settings.adminHost,
      port: settings.adminPort,
      sharing: this.#boot.sharing,
      token: settings.adminToken,
      allowedHosts: settings.adminAllowedHosts,
      delegates,
      limits: { arrivals: arrivalsOf(block, { ...machineFacts(false), workers }) },
      closed: (reason) => recorder.counter('multilane_admin_connections_closed_total', { reason }).add(),
      routes,
      log,
    });
    this.#server = server;
    this.#boot.lifecycle.defer('admin plane', () => server.close());
  }
}
