// The routes of the registry: instances are registered, renewed, drained and removed, and services are listed
// and watched.
import { HttpError } from '../errors.js';
import type { InstanceView } from '../registry/instance.js';
import type { Registrant } from '../registry/instance-source.js';
import type { Registry } from '../registry/registry.js';
import { type AdminHandler, type AdminRequest, type AdminRoute, JSON_UTF8 } from './admin-route.js';
import { processRoutes } from './process-routes.js';
import { watchHandler } from './registry-watch.js';
import { ServicePages } from './service-pages.js';

/** What all threads together have measured of an endpoint, by its slot. */
export interface EndpointLoad {
  inFlight(slot: number): number;
  /** Microseconds; 0 before the first response. */
  smoothedLatency(slot: number): number;
}

export interface RegistryRoutesOptions {
  readonly load: EndpointLoad;
  /** Milliseconds for which an endpoint stays ejected, by its slot; 0 when it is not ejected. */
  readonly ejectedForMs: (slot: number) => number;
  /**
   * Whether a client with these grants may register remote instances of a service that this or another
   * process serves itself: the remote instances then get a share of the calls.
   */
  readonly mayShadowLocal: (grants: AdminRequest['grants'], service: string) => boolean;
}

/**
 * Makes the rule `mayShadowLocal`. No client may do it unless REGISTRY_ACCEPT_TOKENS_FILE is set. Then a
 * client may do it that has a token of this file for the service. A client with all grants may do it only
 * when an admin token is set: without an admin token every client that sends no token has all grants.
 */
export function localShadowing(options: {
  readonly acceptTokens: boolean;
  readonly adminToken: boolean;
}): RegistryRoutesOptions['mayShadowLocal'] {
  return (grants, service) =>
    options.acceptTokens && (grants === 'all' ? options.adminToken : grants.includes(service));
}

const INSTANCE_PATH = '/registry/v1/services/:service/instances/:id';

export function registryRoutes(registry: Registry, options: RegistryRoutesOptions): readonly AdminRoute[] {
  const viewOf = instanceViews(options);
  const routes = [
    ...instanceRoutes(registry, options, viewOf),
    ...serviceRoutes(registry, viewOf),
    {
      method: 'GET',
      path: '/registry/v1/watch',
      query: ['since'],
      handler: watchHandler(registry, viewOf),
    } as const,
    ...processRoutes(registry, options),
  ];
  return routes.map((route) => ({ ...route, access: 'delegate' }));
}

function instanceRoutes(
  registry: Registry,
  { mayShadowLocal }: RegistryRoutesOptions,
  viewOf: (instance: InstanceView) => object,
): readonly AdminRoute[] {
  const registrantOf = (request: AdminRequest): Registrant & { service: string; id: string } => {
    const { service = '', id = '' } = request.params;
    if (request.grants !== 'all' && !request.grants.includes(service)) throw notGranted(service);
    return { service, id, mayShadowLocal: mayShadowLocal(request.grants, service) };
  };
  const changing =
    (change: (service: string, id: string, registrant: Registrant) => void): AdminHandler =>
    (request) => {
      const { service, id, ...registrant } = registrantOf(request);
      change(service, id, registrant);
      return { status: 204 };
    };
  return [
    {
      method: 'PUT',
      path: INSTANCE_PATH,
      async handler(request) {
        const { service, id, ...registrant } = registrantOf(request);
        const { created, instance } = await registry.put(service, id, request.body, registrant);
        return { status: created ? 201 : 200, json: viewOf(instance) };
      },
    },
    {
      method: 'PUT',
      path: `${INSTANCE_PATH}/heartbeat`,
      handler: changing((service, id, rights) => registry.heartbeat(service, id, rights)),
    },
    {
      method: 'PUT',
      path: `${INSTANCE_PATH}/drain`,
      isAction: true,
      handler: changing((service, id, rights) => registry.drain(service, id, rights)),
    },
    {
      method: 'DELETE',
      path: INSTANCE_PATH,
      isAction: true,
      handler: changing((service, id) => registry.remove(service, id)),
    },
  ];
}

function serviceRoutes(
  registry: Registry,
  viewOf: (instance: InstanceView) => object,
): readonly AdminRoute[] {
  const pages = new ServicePages(registry, viewOf);
  return [
    {
      method: 'GET',
      path: '/registry/v1/services',
      handler: () => ({ status: 200, json: { revision: registry.revision, services: registry.services() } }),
    },
    {
      method: 'GET',
      path: '/registry/v1/services/:service',
      handler: async ({ params: { service = '' } }) => ({
        status: 200,
        bytes: await pages.of(service),
        headers: JSON_UTF8,
      }),
    },
  ];
}

/** What clients see of an instance; process-routes.ts shows processes all of it. */
export type InstanceJson = ReturnType<ReturnType<typeof instanceViews>>;

function instanceViews({ load, ejectedForMs }: RegistryRoutesOptions) {
  return ({
    slot,
    owner: _owner,
    isLocal: _isLocal,
    serial: _serial,
    registrationId: _registrationId,
    ttlSeconds: _ttlSeconds,
    ...instance
  }: InstanceView) => {
    const latencyUs = load.smoothedLatency(slot);
    const ejectedMs = ejectedForMs(slot);
    return {
      ...instance,
      inFlight: load.inFlight(slot),
      ewmaMs: latencyUs === 0 ? null : Math.round(latencyUs) / 1000,
      ejectedUntil: ejectedMs === 0 ? null : new Date(Date.now() + ejectedMs).toISOString(),
    };
  };
}

function notGranted(service: string): HttpError {
  return new HttpError('UNAUTHORIZED', `The token was not given for service ${service}.`, {
    headers: { 'www-authenticate': 'Bearer error="insufficient_scope"' },
  });
}
