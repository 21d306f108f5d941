// A health check over HTTP.
import type { Agent } from 'undici';
import { isOutOfFiles } from '../open-files.js';
import { originOf } from '../registry/endpoint.js';
import { INTERVAL_MS, type Probe } from '../registry/health.js';
import { mendedClient } from './mended-client.js';
import { interimFault } from './response-fault.js';
import { loadUndici } from './undici.js';

/** The most bytes of a body that are read, so that the connection can be used again. */
const MAX_BODY_BYTES = 64 * 1024;

/** Makes a probe with connections of its own. @returns the probe, and a function that closes them */
export function httpProbe(): { readonly probe: Probe; readonly close: () => Promise<void> } {
  let dispatcher: Agent | undefined;
  return {
    close: async () => dispatcher?.destroy(),
    async probe({ address, port, path, host, metadata }, signal) {
      try {
        const { Agent } = loadUndici();
        dispatcher ??= new Agent({
          connections: 1,
          factory: mendedClient,
          keepAliveTimeout: 2 * INTERVAL_MS,
          headersTimeout: 0,
          bodyTimeout: 0,
          maxResponseSize: MAX_BODY_BYTES,
        });
        let interim = 0;
        const { statusCode, body } = await dispatcher.request({
          method: 'GET',
          origin: originOf({ host: address, port, metadata }),
          path,
          signal,
          onInfo: () => {
            const fault = interimFault(++interim);
            if (fault !== undefined) throw new Error(fault);
          },
          headers: {
            host: `${host.includes(':') ? `[${host}]` : host}:${port}`,
            'user-agent': 'multilane-health',
          },
        });
        await body.dump({ limit: MAX_BODY_BYTES, signal });
        return statusCode >= 200 && statusCode < 300;
      } catch (error) {
        // The lack of a response is a result, too: the instance is not healthy.
        return isOutOfFiles(error) ? undefined : false;
      }
    },
  };
}
