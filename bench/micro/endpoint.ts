import type { Endpoint } from '#src/registry/endpoint.js';

/** Makes a healthy instance of another process. */
export function endpoint(service: string, slot: number, weight = 1): Endpoint {
  return {
    service,
    id: `i${slot}`,
    host: '127.0.0.1',
    port: 10_000 + slot,
    protocol: 'http',
    weight,
    zone: null,
    version: null,
    metadata: {},
    state: 'healthy',
    slot,
    local: false,
  };
}
