// The routes that every process has, whatever services it mounts. Load balancers probe them.
import type { Application, RouteOptions } from '../server/handler.js';

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

/** `GET /health` and `GET /ready` (docs/contract.md). */
export function systemRoutes(app: Application, state: SystemState, options: SystemRouteOptions): void {
  app.get('/health', options.health, (ctx) => {
    ctx.header('cache-control', 'no-store');
    const timestamp = new Date().toISOString();
    if (!state.draining()) return { status: 'healthy', timestamp };
    ctx.status(503).header('retry-after', '1');
    return { status: 'draining', timestamp };
  });

  app.get('/ready', options.ready, (ctx) => {
    ctx.header('cache-control', 'no-store');
    if (state.ready()) return { status: 'ready' };
    ctx.status(503).header('retry-after', '1');
    return { status: 'not-ready' };
  });
}
