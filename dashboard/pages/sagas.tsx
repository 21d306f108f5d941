// The search for sagas, by status, name, reason and id.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { ApiError, pathOf, read } from '../core/api.js';
import { ago, count, counted, plain } from '../core/format.js';
import { hrefOf, place, refine } from '../core/place.js';
import { useSignal } from '../core/signal.js';
import type { Page, Saga } from '../core/types.js';
import { Empty, Failure, Loading } from '../parts/states.js';
import { type Column, Table } from '../parts/table.js';
import { Badge, Choice, Heading, Search } from '../parts/ui.js';

const STATUSES = ['needs-attention', 'running', 'waiting', 'compensating', 'compensated', 'completed'];
const PAGE = 100;
/** A search for a reason or an id reads larger pages, and stops after this many of them. */
const SEARCH = { page: 1_000, pages: 10 };

const columns: readonly Column<Saga>[] = [
  {
    key: 'id',
    title: 'Saga',
    cell: ({ sagaId, saga, version }) => (
      <a href={hrefOf('saga', { id: sagaId })}>
        {plain(saga)} <span class="quiet">v{version}</span>
      </a>
    ),
    by: ({ saga }) => saga,
  },
  {
    key: 'status',
    title: 'Status',
    cell: ({ status }) => <Badge state={status} />,
    by: ({ status }) => status,
  },
  { key: 'reason', title: 'Reason', cell: ({ reason }) => plain(reason ?? '–'), by: ({ reason }) => reason },
  {
    key: 'sagaId',
    title: 'Id',
    from: 'medium',
    cell: ({ sagaId }) => <span class="mono quiet">{plain(sagaId)}</span>,
    by: ({ sagaId }) => sagaId,
  },
  {
    key: 'key',
    title: 'Idempotency key',
    from: 'wide',
    cell: ({ idempotencyKey }) => <span class="mono quiet">{plain(idempotencyKey ?? '–')}</span>,
    by: ({ idempotencyKey }) => idempotencyKey,
  },
  {
    key: 'updated',
    title: 'Changed',
    isNumber: true,
    cell: ({ updatedAt }) => ago(updatedAt),
    by: ({ updatedAt }) => updatedAt,
  },
];

interface Found {
  readonly items: readonly Saga[];
  readonly cursor: string | null;
  /** Sagas that were looked at. */
  readonly seen: number;
  readonly isBusy: boolean;
  readonly error: ApiError | undefined;
}

const NOTHING: Found = { items: [], cursor: null, seen: 0, isBusy: true, error: undefined };

interface Wanted {
  readonly status: string;
  readonly saga: string;
  readonly text: string;
}

/** The server finds by status and name; what else is wanted is looked for in its pages. */
const matches = ({ sagaId, reason, idempotencyKey }: Saga, text: string): boolean =>
  text === '' || `${sagaId}\n${reason ?? ''}\n${idempotencyKey ?? ''}`.toLowerCase().includes(text);

/** The fields that are shown: the inputs of many sagas would fill the memory of the page. */
const shownOf = ({
  sagaId,
  saga,
  version,
  status,
  idempotencyKey,
  createdAt,
  updatedAt,
  reason,
}: Saga): Saga => ({
  sagaId,
  saga,
  version,
  status,
  idempotencyKey,
  createdAt,
  updatedAt,
  reason,
});

function useSagas({ status, saga, text }: Wanted) {
  const [found, setFound] = useState<Found>(NOTHING);
  const abort = useRef(new AbortController());
  const more = useCallback(
    async (from: Found): Promise<void> => {
      const { signal } = abort.current;
      let now: Found = { ...from, isBusy: true, error: undefined };
      setFound(now);
      try {
        for (let pages = text === '' ? 1 : SEARCH.pages; pages > 0; pages--) {
          const limit = text === '' ? PAGE : SEARCH.page;
          const query = {
            status: status || undefined,
            saga: saga || undefined,
            limit,
            cursor: now.cursor ?? undefined,
          };
          const page = await read<Page<Saga>>(pathOf('/sagas', query), signal);
          const items = [...now.items, ...page.items.filter((one) => matches(one, text)).map(shownOf)];
          now = { ...now, items, cursor: page.nextCursor, seen: now.seen + page.items.length };
          setFound(now);
          if (page.nextCursor === null || items.length - from.items.length >= PAGE) break;
        }
        setFound({ ...now, isBusy: false });
      } catch (error) {
        if (signal.aborted) return;
        setFound({
          ...now,
          isBusy: false,
          error: error instanceof ApiError ? error : new ApiError(String(error)),
        });
      }
    },
    [status, saga, text],
  );
  const begin = useCallback(() => {
    abort.current.abort();
    abort.current = new AbortController();
    void more(NOTHING);
  }, [more]);
  useEffect(() => {
    // Each letter of a search would begin a new one.
    const timer = setTimeout(begin, 250);
    return () => {
      clearTimeout(timer);
      abort.current.abort();
    };
  }, [begin]);
  return { found, more: () => void more(found), again: begin };
}

export function SagasPage() {
  const { status = '', saga = '', search = '' } = useSignal(place).query;
  const [name, setName] = useState(saga);
  const [text, setText] = useState(search);
  const { found, more, again } = useSagas({ status, saga, text: search.toLowerCase() });
  return (
    <>
      <Heading title="Sagas">
        <button type="button" onClick={again}>
          Reload
        </button>
      </Heading>
      <div class="filters">
        <Choice
          label="Status"
          value={status}
          options={[['', 'every status'], ...STATUSES.map((one) => [one, one] as const)]}
          change={(value) => refine({ status: value })}
        />
        <Search
          label="Name"
          value={name}
          placeholder="the whole name"
          change={(value) => {
            setName(value);
            refine({ saga: value.trim() });
          }}
        />
        <Search
          label="Reason, id or key"
          value={text}
          placeholder="COMPENSATION_FAILED"
          change={(value) => {
            setText(value);
            refine({ search: value.trim() });
          }}
        />
      </div>
      <FoundSagas found={found} more={more} again={again} isFiltered={`${status}${saga}${search}` !== ''} />
    </>
  );
}

interface FoundProps {
  readonly found: Found;
  readonly more: () => void;
  readonly again: () => void;
  readonly isFiltered: boolean;
}

function FoundSagas({ found, more, again, isFiltered }: FoundProps) {
  const { items, cursor, seen, isBusy, error } = found;
  return (
    <>
      <p class="quiet" role="status">
        {isBusy ? 'Searching. ' : ''}
        {error !== undefined && seen === 0
          ? 'No saga could be looked at'
          : `${counted(items.length, 'saga')} found, ${count(seen)} looked at, newest first`}
      </p>
      {error === undefined ? null : <Failure error={error} retry={items.length === 0 ? again : more} />}
      {items.length > 0 ? (
        <Table label="Sagas" rows={items} columns={columns} keyOf={({ sagaId }) => sagaId} />
      ) : isBusy ? (
        <Loading />
      ) : error === undefined ? (
        <Empty title={isFiltered ? 'No saga matches' : 'No saga was started yet'}>
          {isFiltered
            ? 'The name must be complete; reasons, ids and keys are found by a part of them.'
            : 'A service starts one with sagas.start().'}
        </Empty>
      ) : null}
      {cursor !== null && !isBusy ? (
        <button type="button" onClick={more}>
          Load older sagas
        </button>
      ) : null}
    </>
  );
}
