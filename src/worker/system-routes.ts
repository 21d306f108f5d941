// The routes that every process has, whatever services it mounts. Load balancers probe them.
import type { Application } from '../server/handler.js';

export interface SystemState {
  /** True from the first moment of a drain. */
  draining(): boolean;
  /** The same verdict as the admin plane's `/readyz`. */
  ready(): boolean;
}

/** `GET /health` and `GET /ready` (docs/contract.md). */
export function systemRoutes(app: Application, state: SystemState): void {
  app.get('/health', { summary: 'Is this worker alive?' }, (ctx) => {
    ctx.header('cache-control', 'no-store');
    const timestamp = new Date().toISOString();
    if (!state.draining()) return { status: 'healthy', timestamp };
    ctx.status(503).header('retry-after', '1');
    return { status: 'draining', timestamp };
  });

  app.get('/ready', { summary: 'May this process get traffic?' }, (ctx) => {
    ctx.header('cache-control', 'no-store');
    if (state.ready()) return { status: 'ready' };
    ctx.status(503).header('retry-after', '1');
    return { status: 'not-ready' };
  });
}
