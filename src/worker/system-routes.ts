// The routes that every process has, whatever services it mounts. Load balancers probe them.
import type { Settings } from '../config.js';
import type { Application, Context, RouteOptions } from '../server/handler.js';

/** What stands for a service in logs and metrics of routes that belong to none. */
export const SYSTEM = 'system';

export interface SystemState {
  /** True from the first moment of a drain. */
  draining(): boolean;
  /** The same verdict as the admin plane's `/readyz`. */
  ready(): boolean;
}

export interface SystemRouteOptions {
  readonly health: RouteOptions;
  readonly ready: RouteOptions;
}

/** The paths of both routes. Null: the process does not have the route. */
export type ProbePaths = Pick<Settings, 'healthPath' | 'readyPath'>;

/** `GET /health` and `GET /ready` (docs/contract.md), or the paths that the settings name. */
export function systemRoutes(
  app: Application,
  { healthPath, readyPath }: ProbePaths,
  state: SystemState,
  options: SystemRouteOptions,
): void {
  if (healthPath !== null) app.get(healthPath, options.health, health);
  if (readyPath !== null) app.get(readyPath, options.ready, ready);

  function health(ctx: Context): unknown {
    ctx.header('cache-control', 'no-store');
    const timestamp = new Date().toISOString();
    if (!state.draining()) return { status: 'healthy', timestamp };
    ctx.status(503).header('retry-after', '1');
    return { status: 'draining', timestamp };
  }

  function ready(ctx: Context): unknown {
    ctx.header('cache-control', 'no-store');
    if (state.ready()) return { status: 'ready' };
    ctx.status(503).header('retry-after', '1');
    return { status: 'not-ready' };
  }
}
