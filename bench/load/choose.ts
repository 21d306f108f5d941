import { spawnSync } from 'node:child_process';
import type { Shape } from '../shapes/shapes.js';
import { autocannon } from './autocannon.js';
import { eventClients, websocketClients } from './clients.js';
import type { LoadTool } from './load.js';
import { wrk } from './wrk.js';

export type HttpToolName = 'wrk' | 'autocannon';

export const isWrkInstalled = (): boolean =>
  spawnSync('wrk', ['--version'], { stdio: 'ignore' }).error === undefined;

/**
 * The named load generator; without a name wrk if it is installed, else autocannon.
 * @throws Error when the named one is missing
 */
export function chooseTool(name: HttpToolName | undefined): LoadTool {
  if (name === 'autocannon') return autocannon;
  const installed = isWrkInstalled();
  if (name === 'wrk' && !installed) throw new Error('bench: wrk is not installed (Debian package "wrk")');
  return installed ? wrk : autocannon;
}

/** What a result says of the load tool. */
export const toolFacts = (tool: LoadTool): { tool: string; toolVersion: string | null } => ({
  tool: tool.name,
  toolVersion: tool.version?.() ?? null,
});

/** What makes the load of a shape. @param http the load generator of HTTP requests */
export function toolFor(shape: Shape, http: LoadTool): LoadTool {
  if (shape.load === 'events') return eventClients;
  return shape.load === 'websocket' ? websocketClients : http;
}
