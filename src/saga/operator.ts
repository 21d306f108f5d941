// The queries and actions of operators (`/sagas` of the admin plane), over the journals of all services of a
// process.
import type { Queryable } from '../db/database.js';
import { HttpError, NotFoundError, ValidationError } from '../errors.js';
import { type Intervention, intervene } from './intervene.js';
import type { Journal, ListQuery, SagaRecord, SagaSummary } from './journal.js';
import { maxResultLength, requireJson } from './json.js';
import { PgJournal } from './pg-journal.js';
import type { Json, SagaStatus, SagaView } from './saga.js';
import { isSagaId } from './saga-id.js';
import { LEASE_MS } from './saga-lease.js';
import { listItemOf, type SagaListItem, viewOf } from './saga-view.js';

export interface SagaListQuery {
  readonly saga?: string;
  readonly status?: string;
  /** 1..1000. @default 100 */
  readonly limit?: number;
  readonly cursor?: string;
}

export interface SagaPage {
  readonly items: readonly SagaListItem[];
  readonly nextCursor: string | null;
}

export interface SagaOperator {
  /** Newest first. @throws HttpError VALIDATION_FAILED, BAD_CURSOR */
  list(query: SagaListQuery): Promise<SagaPage>;
  /** @throws NotFoundError */
  get(sagaId: string): Promise<SagaView>;
  /** The input that a saga was started with, which its view does not have. @throws NotFoundError */
  inputOf(sagaId: string): Promise<Json>;
  /**
   * Continues a saga. Like the other actions it resolves with the changed saga; a worker continues it within
   * seconds.
   * @throws NotFoundError; HttpError SAGA_NOT_IDLE (409) for a saga that runs or has ended
   */
  retry(sagaId: string): Promise<SagaView>;
  /** Makes a saga compensate what it has done. @throws as `retry` */
  compensate(sagaId: string): Promise<SagaView>;
  /**
   * Marks the step at which the saga is stuck as done.
   * @param result the result of the step, for the steps after it; undefined counts as null
   * @throws as `retry`; ValidationError for a result that cannot be stored, and for any result of a
   *   compensation, which has none
   */
  skip(sagaId: string, result?: unknown): Promise<SagaView>;
}

const STATUSES: ReadonlySet<string> = new Set<SagaStatus>([
  'running',
  'waiting',
  'completed',
  'compensating',
  'compensated',
  'needs-attention',
]);
const isStatus = (text: string): text is SagaStatus => STATUSES.has(text);
const LIMIT = { default: 100, max: 1000 };
/**
 * The characters of JSON inputs at which a page ends early. Inputs may be large, and a page is read and
 * written by the thread that accepts connections; for the same reason a page is read in pieces.
 */
const PAGE_CHARACTERS = 2 * 1024 * 1024;
const FIRST_PIECE = 16;

export interface SagaOperatorOptions {
  /** The databases of the services with sagas. */
  readonly dbs: readonly Queryable[];
  readonly instanceId: string;
  readonly now?: () => number;
}

export function createSagaOperator({ dbs, instanceId, now = Date.now }: SagaOperatorOptions): SagaOperator {
  const owner = `${instanceId}:operator`;
  const journals = dbs.map((db) => new PgJournal({ db, owner, leaseMs: LEASE_MS }));
  const act = (kind: Intervention['kind']) => (sagaId: string, result?: unknown) =>
    applyIntervention(journals, kind, sagaId, result, now);
  return {
    list: (query) => list(journals, query),
    async get(sagaId) {
      return viewOf((await find(journals, sagaId)).record);
    },
    async inputOf(sagaId) {
      return (await find(journals, sagaId)).record.input;
    },
    retry: (sagaId) => act('retry')(sagaId),
    compensate: (sagaId) => act('compensate')(sagaId),
    skip: act('skip'),
  };
}

async function list(journals: readonly Journal[], query: SagaListQuery): Promise<SagaPage> {
  const { saga, status, limit = LIMIT.default, cursor } = query;
  if (!Number.isInteger(limit) || limit < 1 || limit > LIMIT.max) {
    throw new ValidationError([{ path: '/limit', message: `must be 1..${LIMIT.max}` }]);
  }
  if (status !== undefined && !isStatus(status)) {
    throw new ValidationError([{ path: '/status', message: `must be one of ${[...STATUSES].join(', ')}` }]);
  }
  const before = cursor === undefined ? undefined : sagaIdOf(cursor);
  const { found, isCut } = await readPage(journals, limit + 1, before, {
    ...(saga !== undefined && { saga }),
    ...(status !== undefined && { status }),
  });
  const items = found.slice(0, limit).map(listItemOf);
  return { items, nextCursor: isCut || found.length > limit ? cursorOf(items.at(-1)!.sagaId) : null };
}

/** @returns up to `count` sagas; `isCut` when the page ended early because of its size */
async function readPage(
  journals: readonly Journal[],
  count: number,
  before: string | undefined,
  filter: Pick<ListQuery, 'saga' | 'status'>,
): Promise<{ readonly found: readonly SagaSummary[]; readonly isCut: boolean }> {
  const found: SagaSummary[] = [];
  let characters = 0;
  for (let from = before; ; from = found.at(-1)!.sagaId) {
    const fitting = Math.floor((PAGE_CHARACTERS * found.length) / Math.max(1, characters));
    const limit = Math.min(count - found.length, Math.max(FIRST_PIECE, fitting));
    const query = { ...filter, limit, ...(from !== undefined && { before: from }) };
    // Ids are ordered by time, so the pieces of several journals can be merged.
    const piece = (await Promise.all(journals.map((journal) => journal.list(query))))
      .flat()
      .sort((a, b) => (a.sagaId < b.sagaId ? 1 : -1))
      .slice(0, limit);
    found.push(...piece);
    for (const { input } of piece) characters += JSON.stringify(input).length;
    if (piece.length < limit || found.length === count) return { found, isCut: false };
    if (characters > PAGE_CHARACTERS) return { found, isCut: true };
  }
}

const cursorOf = (sagaId: string): string => Buffer.from(sagaId).toString('base64url');

function sagaIdOf(cursor: string): string {
  const sagaId = Buffer.from(cursor, 'base64url').toString('latin1');
  if (!isSagaId(sagaId)) throw new HttpError('BAD_CURSOR', 'The cursor is not one that this list returned.');
  return sagaId;
}

async function find(
  journals: readonly Journal[],
  sagaId: string,
): Promise<{ journal: Journal; record: SagaRecord }> {
  if (isSagaId(sagaId)) {
    for (const journal of journals) {
      const record = await journal.load(sagaId);
      if (record !== undefined) return { journal, record };
    }
  }
  throw new NotFoundError('There is no such saga.');
}

async function applyIntervention(
  journals: readonly Journal[],
  kind: Intervention['kind'],
  sagaId: string,
  rawResult: unknown,
  now: () => number,
): Promise<SagaView> {
  const { journal, record: found } = await find(journals, sagaId);
  const maxLength = maxResultLength(found.steps.length);
  const result =
    rawResult === undefined ? undefined : requireJson(rawResult, '/result', undefined, maxLength);
  if (found.failure !== null && result !== undefined) {
    throw new ValidationError([{ path: '/result', message: 'must not be there: a compensation has none' }]);
  }
  const claim = await journal.take(sagaId);
  const changed = claim && intervene({ kind, result }, claim.record);
  if (claim !== undefined && changed !== undefined) {
    const record = { ...changed, updatedAt: now() };
    const positions = record.steps.flatMap((step, at) => (step === claim.record.steps[at] ? [] : [at]));
    if (await journal.write(claim.hold, record, positions, { releaseForMs: 0 })) return viewOf(record);
  }
  throw new HttpError('SAGA_NOT_IDLE', whyNot(kind, (await find(journals, sagaId)).record.status));
}

/** What keeps an operator from an action on a saga, and the next step. */
function whyNot(kind: Intervention['kind'], status: SagaStatus): string {
  if (status === 'completed' || status === 'compensated')
    return `The saga has ended as ${status}, so there is nothing to ${kind}. Start another one if its work is needed.`;
  const next = 'Look at it again in some seconds: it can be changed while it waits or needs attention.';
  return status === 'needs-attention'
    ? `The saga was changed at the same time, or has no step to ${kind}. Look at its steps, then try again.`
    : `A worker runs the saga, whose status is ${status}. ${next}`;
}
