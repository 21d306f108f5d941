// `GET /registry/v1/watch`: the changes of the registry as server-sent events, from a revision on.
import { HttpError } from '../errors.js';
import type { LogEntry } from '../registry/change-log.js';
import type { InstanceView } from '../registry/instance.js';
import type { Registry } from '../registry/registry.js';
import type { RegistryChange } from '../registry/registry-publication.js';
import type { AdminHandler, AdminRequest, ServerSentEvent } from './admin-route.js';

/** @param viewOf makes the public view of an instance */
export function watchHandler(registry: Registry, viewOf: (instance: InstanceView) => object): AdminHandler {
  const eventOf = eventEncoder(({ change }) =>
    change.type === 'put'
      ? { service: change.service, instance: viewOf(change.instance) }
      : { service: change.service, id: change.id },
  );
  return (request) => {
    const since = sinceOf(request);
    if (since !== '' && registry.since(since) === undefined) {
      throw new HttpError('REVISION_GONE', 'That revision is not known here (any more): list again.');
    }
    // The revision is read now, although the stream begins a moment later, so that no change in between is
    // lost.
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
  };
}

/**
 * Returns the revision that the client has seen last. When a client reconnects, its URL still has the `since`
 * of its first connection, and `Last-Event-ID` is newer.
 */
function sinceOf(request: AdminRequest): string {
  return request.header('last-event-id') ?? request.query.get('since') ?? '';
}

/**
 * Encodes each change once, however many clients watch.
 * @param dataOf the data of its event
 */
export function eventEncoder(
  dataOf: (entry: LogEntry<RegistryChange>) => object,
): (entry: LogEntry<RegistryChange>) => ServerSentEvent {
  const encoded = new WeakMap<LogEntry<RegistryChange>, ServerSentEvent>();
  return (entry) => {
    let event = encoded.get(entry);
    if (event === undefined) {
      event = { id: entry.revision, event: entry.change.type, data: JSON.stringify(dataOf(entry)) };
      encoded.set(entry, event);
    }
    return event;
  };
}
