// What the reasons of `multilane_requests_shed_total` mean. The problems of the process, the alerts of
// deploy/prometheus and docs/operations.md tell overload by these lists. The other reasons are faults of
// clients, or refusals that are meant: of routes that are switched off, and of work in the background.

/** Requests that were refused to protect the rest, because the process has no room for them. */
export const OVERLOAD_REASONS: readonly string[] = [
  'queue',
  'route_share',
  'max_in_flight',
  'bulkhead',
  'bodies',
  'streams',
  'instance_connections',
];

/** Connections that were closed at once, because too many are open. */
export const CONNECTION_REASONS: readonly string[] = ['max_connections', 'connection_share'];
