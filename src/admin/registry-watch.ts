// `GET /registry/v1/watch`: the changes of the registry as server-sent events, from a revision on. Each
// client gets them as fast as it reads. One that is so slow that the log no longer has the next change for it
// is disconnected, and learns from a 410 that it has to list again.
import { HttpError } from '../errors.js';
import type { InstanceView } from '../registry/instance.js';
import type { Registry } from '../registry/registry.js';
import type { RegistryChange } from '../registry/registry-publication.js';
import type { AdminHandler, AdminRequest, ServerSentEvent } from './admin-route.js';
import { ChangeFeed, type Entry } from './change-feed.js';

/** @param viewOf makes the public view of an instance */
export function watchHandler(registry: Registry, viewOf: (instance: InstanceView) => object): AdminHandler {
  const eventOf = eventOfChange((change) =>
    change.type === 'put'
      ? { service: change.service, instance: viewOf(change.instance) }
      : { service: change.service, id: change.id },
  );
  const feed = new ChangeFeed(registry, eventOf);
  return (request) => {
    const since = sinceOf(request);
    if (since !== '' && !registry.changes.covers(since)) {
      throw new HttpError('REVISION_GONE', 'That revision is not known here (any more): list again.');
    }
    // The revision is read now, although the stream begins a moment later, so that no change in between is
    // lost.
    const from = since === '' ? registry.revision : since;
    return {
      status: 200,
      stream: (sink) => feed.follow(from, sink),
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

/** @param dataOf the data of the event of a change */
export const eventOfChange =
  (dataOf: (change: RegistryChange) => object) =>
  ({ revision, change }: Entry): ServerSentEvent => ({
    id: revision,
    event: change.type,
    data: dataOf(change),
  });
