// The routes that every process has, whatever services it mounts. Load balancers probe them.
import { Type } from '@sinclair/typebox';
import type { Application, RouteOptions } from '../server/handler.js';

export interface SystemState {
  /** True from the first moment of a drain. */
  draining(): boolean;
  /** The same verdict as the admin plane's `/readyz`. */
  ready(): boolean;
}

const Health = Type.Object({
  status: Type.Literal('healthy'),
  timestamp: Type.String({ format: 'date-time' }),
});
const Ready = Type.Object({ status: Type.Literal('ready') });

/** Both responses are written without a schema, whose compiler would delay the start of every process. */
const HEALTH: RouteOptions = {
  summary: 'Is this worker alive?',
  produces: { 'application/json': Health },
};
const READY: RouteOptions = {
  summary: 'May this process get traffic?',
  produces: { 'application/json': Ready },
};

/** `GET /health` and `GET /ready` (docs/contract.md). */
export function systemRoutes(app: Application, state: SystemState): void {
  app.get('/health', HEALTH, (ctx) => {
    ctx.header('cache-control', 'no-store');
    const timestamp = new Date().toISOString();
    if (!state.draining()) return { status: 'healthy', timestamp };
    ctx.status(503).header('retry-after', '1');
    return { status: 'draining', timestamp };
  });

  app.get('/ready', READY, (ctx) => {
    ctx.header('cache-control', 'no-store');
    if (state.ready()) return { status: 'ready' };
    ctx.status(503).header('retry-after', '1');
    return { status: 'not-ready' };
  });
}
