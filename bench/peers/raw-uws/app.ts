// The routes of the baseline with nothing around them. They show the cost of the HTTP core alone.
import uWS, { type TemplatedApp } from 'uWebSockets.js';
import { MESSAGE } from '../../scenarios/scenarios.js';

/**
 * The methods of the acceptor, which are missing in the published types. A descriptor is a pointer to a
 * worker's app.
 */
export interface ClusterApp extends TemplatedApp {
  getDescriptor(): unknown;
  addChildAppDescriptor(descriptor: unknown): ClusterApp;
  removeChildAppDescriptor(descriptor: unknown): ClusterApp;
}

export const newApp = (): ClusterApp => uWS.App() as ClusterApp;

/** Sends the same bytes as the servers that are compared with it. */
export function addRoutes(app: ClusterApp): ClusterApp {
  app.get('/health', (res) => {
    res.writeHeader('content-type', 'application/json; charset=utf-8');
    res.end(JSON.stringify({ status: 'healthy', timestamp: new Date().toISOString() }));
  });
  app.get('/json', (res) => {
    res.writeHeader('content-type', 'application/json; charset=utf-8');
    res.end(JSON.stringify({ message: MESSAGE }));
  });
  return app;
}
