// The registry over the admin plane: CONTRACT section 5.
import { HttpError } from '../errors.js';
import type { LogEntry } from '../registry/change-log.js';
import type { InstanceView } from '../registry/instance.js';
import type { Registrant, Registry, RegistryChange } from '../registry/registry.js';
import type { AdminRequest, AdminResponse, AdminRoute, ServerSentEvent } from './admin-route.js';

/** What all threads together know of an endpoint, by its slot. */
export interface ShownLoad {
  inFlight(slot: number): number;
  /** Microseconds; 0 before the first answer. */
  smoothedLatency(slot: number): number;
}

export interface RegistryRoutesOptions {
  readonly load: ShownLoad;
  /** Milliseconds that an endpoint stays ejected, by its slot; 0: it is not. */
  readonly ejectedForMs: (slot: number) => number;
  /**
   * Whether a holder of these grants may register a service that is mounted here. Without an accept-tokens
   * file nobody may.
   */
  readonly mayShadowLocal: (grants: AdminRequest['grants'], service: string) => boolean;
}

/**
 * See `mayShadowLocal`: an open admin plane names nobody, so there only a token made for the service counts.
 */
export function localShadowing(options: {
  readonly acceptTokens: boolean;
  readonly adminToken: boolean;
}): RegistryRoutesOptions['mayShadowLocal'] {
  return (grants, service) =>
    options.acceptTokens && (grants === 'all' ? options.adminToken : grants.includes(service));
}

const INSTANCE = '/registry/v1/services/:service/instances/:id';

export function registryRoutes(registry: Registry, options: RegistryRoutesOptions): readonly AdminRoute[] {
  const { load, ejectedForMs, mayShadowLocal } = options;
  const shown = (instance: InstanceView) => show(instance, load, ejectedForMs(instance.slot));
  const eventOf = eventsOf(shown);
  const named = (request: AdminRequest): { service: string; id: string } => {
    const { service = '', id = '' } = request.params;
    return { service, id };
  };
  const asDelegate = (request: AdminRequest): Registrant & { service: string; id: string } => {
    const { service, id } = named(request);
    if (request.grants !== 'all' && !request.grants.includes(service)) throw notGranted(service);
    return { service, id, mayShadowLocal: mayShadowLocal(request.grants, service) };
  };
  const changing =
    (change: (service: string, id: string) => void) =>
    (request: AdminRequest): AdminResponse => {
      const { service, id } = asDelegate(request);
      change(service, id);
      return { status: 204 };
    };

  const routes: readonly Omit<AdminRoute, 'access'>[] = [
    {
      method: 'PUT',
      path: INSTANCE,
      async handler(request) {
        const { service, id, ...registrant } = asDelegate(request);
        const { created, instance } = await registry.put(service, id, request.body, registrant);
        return { status: created ? 201 : 200, json: shown(instance) };
      },
    },
    {
      method: 'PUT',
      path: `${INSTANCE}/heartbeat`,
      handler: changing((service, id) => registry.heartbeat(service, id)),
    },
    {
      method: 'PUT',
      path: `${INSTANCE}/drain`,
      handler: changing((service, id) => registry.drain(service, id)),
    },
    { method: 'DELETE', path: INSTANCE, handler: changing((service, id) => registry.remove(service, id)) },
    {
      method: 'GET',
      path: '/registry/v1/services',
      handler: () => ({ status: 200, json: { revision: registry.revision, services: registry.services() } }),
    },
    {
      method: 'GET',
      path: '/registry/v1/services/:service',
      handler(request) {
        const instances = registry.instances(named(request).service).map(shown);
        return { status: 200, json: { revision: registry.revision, instances } };
      },
    },
    {
      method: 'GET',
      path: '/registry/v1/watch',
      handler: (request) => watch(registry, sinceOf(request), eventOf),
    },
  ];
  return routes.map((route) => ({ ...route, access: 'delegate' }));
}

/** Where to go on from: a reconnecting client knows better than the URL it was given. */
function sinceOf(request: AdminRequest): string {
  return request.header('last-event-id') ?? request.query.get('since') ?? '';
}

function watch(registry: Registry, since: string, eventOf: EventOf): AdminResponse {
  if (since !== '' && registry.since(since) === undefined) {
    throw new HttpError('REVISION_GONE', 'That revision is not known here (any more): list again.');
  }
  // What changes between here and the header is not lost: the stream starts from where the answer stood.
  const from = since === '' ? registry.revision : since;
  return {
    status: 200,
    stream(sink) {
      const missed = registry.since(from);
      if (missed === undefined) {
        sink.close();
        return () => undefined;
      }
      for (const entry of missed) sink.send(eventOf(entry));
      return registry.listen((entry) => sink.send(eventOf(entry)));
    },
  };
}

type EventOf = (entry: LogEntry<RegistryChange>) => ServerSentEvent;

/** Each change is written as text once, however many watch. */
function eventsOf(shown: (instance: InstanceView) => object): EventOf {
  const written = new WeakMap<LogEntry<RegistryChange>, ServerSentEvent>();
  return (entry) => {
    let event = written.get(entry);
    if (event === undefined) {
      const { revision, change } = entry;
      const { type, service } = change;
      const data =
        type === 'put' ? { service, instance: shown(change.instance) } : { service, id: change.id };
      event = { id: revision, event: type, data: JSON.stringify(data) };
      written.set(entry, event);
    }
    return event;
  };
}

function show({ slot, ...instance }: InstanceView, load: ShownLoad, ejectedForMs: number) {
  const microseconds = load.smoothedLatency(slot);
  return {
    ...instance,
    inFlight: load.inFlight(slot),
    ewmaMs: microseconds === 0 ? null : Math.round(microseconds) / 1000,
    ejectedUntil: ejectedForMs === 0 ? null : new Date(Date.now() + ejectedForMs).toISOString(),
  };
}

function notGranted(service: string): HttpError {
  return new HttpError('UNAUTHORIZED', `The token was not given for service ${service}.`, {
    headers: { 'www-authenticate': 'Bearer error="insufficient_scope"' },
  });
}
