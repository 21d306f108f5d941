// Loads the server of an HTTP core. Only the core that runs is loaded: the other one may not exist here, or
// would only cost time.
import type { Settings } from '../config.js';

export const loadUwsServer = async () => (await import('../server/uws/uws-server.js')).UwsServer;
export const loadNodeServer = async () => (await import('../server/node/node-server.js')).NodeServer;

/** Loads a core before it is needed. A failure is handled where it is needed. */
export function preload(core: Settings['httpCore']): void {
  const loading: Promise<unknown> = core === 'uws' ? loadUwsServer() : loadNodeServer();
  loading.catch(() => undefined);
}
