// The routes for processes that share the registry of this one (`REGISTRY=http://…` there; the client is
// registry/backends/http-backend.ts). A process announces, withdraws and renews its instances with one
// request, whatever their number. It reads all instances page by page, with their owners, and watches their
// changes. What is not admitted of a request is in its response, and keeps nothing else of it out.
import { HttpError, UnavailableError, ValidationError } from '../errors.js';
import type { InstanceView } from '../registry/instance.js';
import type { AnnouncedInstance } from '../registry/instance-source.js';
import type { ClientRemoval } from '../registry/process-instances.js';
import type { Registry } from '../registry/registry.js';
import type { AdminHandler, AdminRequest, AdminRoute } from './admin-route.js';
import { BodyFields } from './body-fields.js';
import { ChangeFeed } from './change-feed.js';
import { eventOfChange } from './registry-watch.js';

interface Shadowing {
  /** As in `RegistryRoutesOptions`. */
  readonly mayShadowLocal: (grants: AdminRequest['grants'], service: string) => boolean;
}

/** What a process sends. */
interface Announcement {
  readonly ttlSeconds: number;
  readonly announced: readonly (AnnouncedInstance & { readonly isLocal: boolean })[];
  readonly withdrawn: readonly Withdrawn[];
}

interface Withdrawn {
  readonly service: string;
  readonly id: string;
  /** That of the version to remove, which a client has removed; null for one that the process has no more. */
  readonly serial: string | null;
  /** As in `ClientRemoval`. */
  readonly registrationIds?: unknown;
  readonly ttlSeconds?: unknown;
  readonly reach?: unknown;
}

/** Why something is not admitted. */
interface Refused {
  readonly service: string;
  readonly id: string;
  readonly detail: string;
  /** Seconds after which it may be admitted; null: not before it changes. */
  readonly retryAfterSeconds: number | null;
}

/** The field of a request with the secret of its process. */
export const SECRET_HEADER = 'x-multilane-process-secret';
/** Instances of each list; the body of a request has at most 64 KiB. */
const MOST = 256;
/** As `Removed` of the client has them. */
const MOST_REGISTRATIONS = 8;
const MOST_DETAIL = 200;
const MAX_TTL_SECONDS = 3600;
const OWNER = /^[A-Za-z0-9._:-]{1,128}$/;
const PROCESS = '/registry/v1/processes/:owner';

export function processRoutes(registry: Registry, options: Shadowing): readonly AdminRoute[] {
  return [
    {
      method: 'PUT',
      path: PROCESS,
      query: 'any',
      handler: (request) => announce(registry, options, request),
    },
    {
      method: 'DELETE',
      path: PROCESS,
      query: 'any',
      async handler(request) {
        await registry.processes.leave(ownerOf(registry, request), grantedBy(request));
        return { status: 204 };
      },
    },
    {
      method: 'GET',
      path: '/registry/v1/instances',
      query: 'any',
      handler: (request) => page(registry, request),
    },
    { method: 'GET', path: '/registry/v1/instances/watch', query: 'any', handler: watching(registry) },
  ];
}

async function announce(registry: Registry, { mayShadowLocal }: Shadowing, request: AdminRequest) {
  const owner = ownerOf(registry, request);
  const { ttlSeconds, announced, withdrawn } = announcementOf(request.body);
  const isGranted = grantedBy(request);
  const { processes } = registry;
  // What the process has already is safe, whatever takes its time below.
  processes.renew(owner, ttlSeconds, isGranted);
  const refused: Refused[] = [];
  const removed: Named[] = [];
  /** Makes a change that the token is for. */
  const change = async (named: Named, make: () => Promise<void> | void): Promise<void> => {
    try {
      if (!isGranted(named.service)) throw notGranted(named.service);
      await make();
    } catch (error) {
      refused.push(refusedFor(named, error));
    }
  };
  await Promise.all([
    ...withdrawn.map((one) =>
      change(one, () => {
        const { service, id } = one;
        const removal = removalOf(registry, one);
        if (removal === undefined) processes.withdraw(owner, service, id);
        else processes.remove(owner, service, id, removal);
      }),
    ),
    ...announced.map((one) =>
      change(one, async () => {
        const { service, id, isLocal } = one;
        const registrant = { mayShadowLocal: mayShadowLocal(request.grants, service) };
        const isThere = await processes.announce(one, { owner, isLocal, ttlSeconds }, registrant);
        if (!isThere) removed.push({ service, id });
      }),
    ),
  ]);
  const count = processes.renew(owner, ttlSeconds, isGranted);
  return { status: 200, json: { revision: registry.revision, count, refused, removed } };
}

function page(registry: Registry, { query }: AdminRequest) {
  const after = Number(query.get('after') ?? '-1');
  if (!Number.isSafeInteger(after))
    throw new ValidationError([{ path: '/after', message: 'must be a number' }]);
  const { instances, next } = registry.processes.page(after);
  const rows = instances.map(({ service, view }) => rowOf(registry, service, view));
  const removed = removedSince(registry, query.get('since'));
  return { status: 200, json: { instances: rows, next, removed } };
}

/** What was removed after a revision, as far as that is known, and has not expired. */
function removedSince(registry: Registry, since: string | null): readonly Named[] {
  const last = new Map<string, Named | undefined>();
  for (const { change } of (since !== null && registry.changes.since(since)) || []) {
    const { service } = change;
    if (change.type === 'put') last.set(`${service} ${change.instance.id}`, undefined);
    else last.set(`${service} ${change.id}`, change.isExpired ? undefined : { service, id: change.id });
  }
  return [...last.values()].filter((named) => named !== undefined);
}

/** Sends the changes from now on: a process lists everything when the stream has begun. */
function watching(registry: Registry): AdminHandler {
  const eventOf = eventOfChange((change) => {
    if (change.type === 'put') return rowOf(registry, change.service, change.instance);
    const { service, id, isExpired } = change;
    return { service, id, isExpired };
  });
  const feed = new ChangeFeed(registry, eventOf);
  return () => ({
    status: 200,
    isForProcess: true,
    stream: (sink) => feed.follow(registry.revision, sink),
  });
}

/** An instance as its process has announced it: others find out its health by themselves. */
function rowOf(registry: Registry, service: string, view: InstanceView): object {
  const { id, host, port, protocol, weight, zone, version, metadata, healthCheckUrl, ttlSeconds } = view;
  const { owner, isLocal, registrationId } = view;
  const isStarting = view.state === 'starting' && healthCheckUrl === null;
  const state = isStarting || view.state === 'draining' ? view.state : 'healthy';
  const known = { host, port, protocol, weight, zone, version, metadata, healthCheckUrl, ttlSeconds, state };
  const body = registrationId === null ? known : { ...known, registrationId };
  return { service, id, owner, isLocal, serial: serialOf(registry, view.serial), body };
}

/** Serials differ from those of another process, and of the one before a restart. */
const serialOf = ({ revision }: Registry, serial: number): string => `${prefixOf(revision)}.${serial}`;

/** The removal by a client; undefined for an instance that the process has no more. */
function removalOf({ revision }: Registry, withdrawn: Withdrawn): ClientRemoval | undefined {
  const { serial, registrationIds, ttlSeconds, reach } = withdrawn;
  if (serial === null) return undefined;
  const end = serial.lastIndexOf('.');
  const number = serial.slice(0, end) === prefixOf(revision) ? Number(serial.slice(end + 1)) : Number.NaN;
  const ids = Array.isArray(registrationIds)
    ? (registrationIds as unknown[]).slice(0, MOST_REGISTRATIONS)
    : [];
  return {
    serial: number,
    registrationIds: ids.filter((one) => typeof one === 'string'),
    // One that is not known may be that of an instance which never expires.
    ttlSeconds: isTtl(ttlSeconds) ? ttlSeconds : 0,
    reach: reach === 'all' || reach === 'own' ? reach : 'known',
  };
}

const prefixOf = (revision: string): string => revision.slice(0, revision.indexOf('-'));

const notGranted = (service: string): HttpError =>
  new HttpError('UNAUTHORIZED', `The token was not given for service ${service}.`);

type Named = Pick<Refused, 'service' | 'id'>;

function refusedFor({ service, id }: Named, error: unknown): Refused {
  if (!(error instanceof HttpError)) throw error;
  const seconds = error instanceof UnavailableError ? Number(error.headers?.['retry-after'] ?? 1) : null;
  return { service, id, detail: detailOf(error).slice(0, MOST_DETAIL), retryAfterSeconds: seconds };
}

const detailOf = ({ message, errors }: HttpError): string =>
  errors?.map(({ path, message: wrong }) => `${path} ${wrong}`.trim()).join('; ') ?? message;

/** @throws ValidationError; HttpError ADDRESS_NOT_ALLOWED for a request that is not of this process */
function ownerOf({ processes }: Registry, request: AdminRequest): string {
  const { owner = '' } = request.params;
  if (!OWNER.test(owner))
    throw new ValidationError([{ path: '/owner', message: `must match ${OWNER.source}` }]);
  processes.authenticate(owner, request.header(SECRET_HEADER) ?? '');
  return owner;
}

const grantedBy =
  ({ grants }: AdminRequest) =>
  (service: string): boolean =>
    grants === 'all' || grants.includes(service);

/** @throws ValidationError */
function announcementOf(body: unknown): Announcement {
  const fields = new BodyFields(body, ['ttlSeconds', 'announced', 'withdrawn']);
  return fields.checked({
    ttlSeconds: fields.member('ttlSeconds', `must be an integer from 1 to ${MAX_TTL_SECONDS}`, isTtl),
    announced: named(fields, 'announced', 'isLocal', isBoolean),
    withdrawn: named(
      fields,
      'withdrawn',
      'serial',
      (serial) => serial === null || typeof serial === 'string',
    ),
  } as Announcement);
}

const isTtl = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) >= 1 && (value as number) <= MAX_TTL_SECONDS;

const isBoolean = (value: unknown): boolean => typeof value === 'boolean';

/** A member that is a list of named instances, each with a further member. */
function named(
  fields: BodyFields,
  name: string,
  further: string,
  isValid: (value: unknown) => boolean,
): unknown {
  const isNamed = (one: unknown): boolean => {
    if (typeof one !== 'object' || one === null) return false;
    const { service, id, [further]: value } = one as Readonly<Record<string, unknown>>;
    return typeof service === 'string' && typeof id === 'string' && isValid(value);
  };
  const isList = (value: unknown): boolean =>
    Array.isArray(value) && value.length <= MOST && value.every(isNamed);
  return fields.member(name, `must have at most ${MOST} instances with service, id and ${further}`, isList);
}
