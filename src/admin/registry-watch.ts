// `GET /registry/v1/watch`: the changes of the registry as server-sent events, from a revision on. Each
// client gets them as fast as it reads. One that is so slow that the log no longer has the next change for it
// is disconnected, and learns from a 410 that it has to list again.
import { HttpError } from '../errors.js';
import type { LogEntry } from '../registry/change-log.js';
import type { InstanceView } from '../registry/instance.js';
import type { Registry } from '../registry/registry.js';
import type { RegistryChange } from '../registry/registry-publication.js';
import type { AdminHandler, AdminRequest, EventSink, ServerSentEvent } from './admin-route.js';

/** @param viewOf makes the public view of an instance */
export function watchHandler(registry: Registry, viewOf: (instance: InstanceView) => object): AdminHandler {
  const eventOf = eventEncoder(({ change }) =>
    change.type === 'put'
      ? { service: change.service, instance: viewOf(change.instance) }
      : { service: change.service, id: change.id },
  );
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
      stream: (sink) => follow(registry, from, sink, eventOf),
    };
  };
}

/** Sends the changes after a revision, now and from now on. @returns a function that ends this */
export function follow(
  registry: Registry,
  from: string,
  sink: EventSink,
  eventOf: (entry: LogEntry<RegistryChange>) => ServerSentEvent,
): () => void {
  let sent = from;
  /** What is missing is sent when the client has read what it has. */
  let isPaused = false;
  const send = (entry: LogEntry<RegistryChange>): void => {
    sink.send(eventOf(entry));
    sent = entry.revision;
    if (!sink.isBehind) return;
    isPaused = true;
    sink.onceRead(resume);
  };
  const resume = (): void => {
    isPaused = false;
    const missed = registry.changes.since(sent);
    if (missed === undefined) sink.close();
    for (const entry of missed ?? []) {
      send(entry);
      if (isPaused) return;
    }
  };
  const stop = registry.changes.listen((entry) => {
    if (!isPaused) send(entry);
    else if (!registry.changes.covers(sent)) sink.close();
  });
  resume();
  return stop;
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
