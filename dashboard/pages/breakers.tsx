// The circuit breakers: which are open, why, and the operator's command over each.
import { useMemo, useState } from 'preact/hooks';
import { command } from '../core/api.js';
import { act, ask, REASON, reasonIn } from '../core/ask.js';
import { ago, count, counted, plain, seconds } from '../core/format.js';
import { hrefOf, place, refine } from '../core/place.js';
import { useSignal } from '../core/signal.js';
import type { Breaker, Overview, Page, Problem } from '../core/types.js';
import { useLive, useRead } from '../core/use-live.js';
import { Data, Empty } from '../parts/states.js';
import { type Column, numberColumn, Table } from '../parts/table.js';
import { Badge, Choice, Heading, Search, toneOf } from '../parts/ui.js';

const ORDER = ['open', 'half-open', 'closed'];
type Force = 'open' | 'closed' | 'auto';

/** What the state of the breaker comes from, in words. */
function reasonOf({ state, forced, since, window, probes, retryInMs }: Breaker): string {
  if (forced) return `an operator forces it ${state}`;
  const parts = [
    typeof since === 'string' ? `opened ${ago(since)}` : '',
    window === null
      ? ''
      : `${count(window.failures)} of ${counted(window.calls, 'call')} failed in its window`,
    probes === null
      ? ''
      : `${count(probes.succeeded)} of ${counted(probes.permitted, 'probe')} succeeded, ${count(probes.taken)} sent`,
    retryInMs === null ? '' : `probes begin in ${seconds(retryInMs / 1000)}`,
  ];
  return parts.filter((part) => part !== '').join('; ');
}

const columnsFor = (reload: () => void): readonly Column<Breaker>[] => [
  {
    key: 'service',
    title: 'Service',
    cell: ({ service }) => <a href={hrefOf('service', { name: service })}>{plain(service)}</a>,
    by: ({ service }) => service,
  },
  {
    key: 'instance',
    title: 'Instance',
    cell: ({ instance }) => <span class="mono">{plain(instance)}</span>,
    by: ({ instance }) => instance,
  },
  {
    key: 'state',
    title: 'State',
    cell: ({ state, forced }) => (
      <>
        <Badge state={state} />
        {forced ? <Badge state="forced" tone="warn" /> : null}
      </>
    ),
    by: ({ state }) => -ORDER.indexOf(state),
  },
  { key: 'reason', title: 'Why', cell: (one) => reasonOf(one) },
  numberColumn('transitions', 'Opened', ({ transitions }) => transitions.open, count, 'wide'),
  { key: 'force', title: '', cell: (one) => <Forces breaker={one} reload={reload} /> },
];

function Forces({ breaker, reload }: { breaker: Breaker; reload: () => void }) {
  const { forced, state, service, instance } = breaker;
  const button = (force: Force, text: string) => (
    <button
      type="button"
      class="small"
      aria-label={`${text}: ${plain(service)} ${plain(instance)}`}
      onClick={() => void forceBreaker(breaker, force).then(reload)}
    >
      {text}
    </button>
  );
  return (
    <span class="row-actions">
      {forced ? button('auto', 'Automatic') : null}
      {forced && state === 'closed' ? null : button('closed', 'Force closed')}
      {forced && state === 'open' ? null : button('open', 'Force open')}
    </span>
  );
}

const EFFECTS: Readonly<Record<Force, string>> = {
  open: 'Every call to this instance is refused at once, in all workers, until it is automatic again.',
  closed: 'Calls are sent whatever their outcome, in all workers, until it is automatic again.',
  auto: 'The outcomes of calls decide again. It begins closed, with an empty window.',
};

async function forceBreaker({ service, instance }: Breaker, force: Force): Promise<void> {
  const name = `${service} ${instance}`;
  const values = await ask({
    title: force === 'auto' ? `Return ${name} to automatic?` : `Force ${name} ${force}?`,
    text: EFFECTS[force],
    confirm: force === 'auto' ? 'Make automatic' : `Force ${force}`,
    isDangerous: force !== 'auto',
    fields: [REASON],
  });
  if (values === null) return;
  const path = `/breakers/${encodeURIComponent(service)}/${encodeURIComponent(instance)}`;
  await act(force === 'auto' ? `${name} is automatic.` : `${name} is forced ${force}.`, () =>
    command('PUT', path, { force, ...reasonIn(values) }),
  );
}

export function BreakersPage() {
  const { search = '', state = '' } = useSignal(place).query;
  const [text, setText] = useState(search);
  // The event stream has only the breakers that are open or forced, and an operator forces closed ones, too.
  const read = useRead<Page<Breaker>>('/breakers', { everyMs: 1_000 });
  const overview = useLive<Overview>('overview');
  const columns = useMemo(() => columnsFor(read.reload), [read.reload]);
  const shown = useMemo(() => filtered(read.data?.items ?? [], state, search), [read.data, state, search]);
  return (
    <>
      <Heading title="Breakers">
        <Choice
          label="State"
          value={state}
          options={[
            ['', 'all states'],
            ['open', 'open'],
            ['half-open', 'half-open'],
            ['closed', 'closed'],
            ['forced', 'forced'],
          ]}
          change={(value) => refine({ state: value })}
        />
        <Search
          label="Search"
          value={text}
          change={(value) => {
            setText(value);
            refine({ search: value.trim() });
          }}
          placeholder="service or instance"
        />
      </Heading>
      <Causes problems={overview.data?.problems ?? []} />
      <Data from={read}>
        {({ items }) =>
          shown.length === 0 ? (
            <Empty title={items.length === 0 ? 'There are no breakers yet' : 'No breaker matches'}>
              {items.length === 0 ? 'Each instance of a service that is called has one.' : undefined}
            </Empty>
          ) : (
            <Table
              label="Breakers"
              rows={shown}
              columns={columns}
              keyOf={({ service, instance }) => `${service} ${instance}`}
              toneOf={(one) => (one.state === 'closed' ? 'none' : toneOf(one.state))}
            />
          )
        }
      </Data>
    </>
  );
}

/** The problems that are about breakers: they say since when one is open and what its window showed. */
function Causes({ problems }: { problems: readonly Problem[] }) {
  const causes = problems.filter(({ page }) => page.startsWith('#/breakers'));
  if (causes.length === 0) return null;
  return (
    <ul class="problems">
      {causes.map(({ id, severity, title, detail }) => (
        <li key={id} class={`problem severity-${severity === 'critical' ? 'critical' : 'warning'}`}>
          <div class="problem-text">
            <h2>{plain(title)}</h2>
            <p>{plain(detail)}</p>
          </div>
        </li>
      ))}
    </ul>
  );
}

function filtered(breakers: readonly Breaker[], state: string, search: string): readonly Breaker[] {
  const text = search.toLowerCase();
  return breakers
    .filter(
      (one) =>
        (state === '' || (state === 'forced' ? one.forced : one.state === state)) &&
        (text === '' || `${one.service} ${one.instance}`.toLowerCase().includes(text)),
    )
    .sort((a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state));
}
