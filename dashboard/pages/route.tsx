// One route: its durations as a histogram, its statuses, and its switch.
import { pathOf } from '../core/api.js';
import { count, ms, percent, plain, rate } from '../core/format.js';
import { place, webAddress } from '../core/place.js';
import { useSignal } from '../core/signal.js';
import type { RouteHistogram, RouteRow, Routes } from '../core/types.js';
import { useRead } from '../core/use-live.js';
import { Bars } from '../parts/bars.js';
import { Data, Empty } from '../parts/states.js';
import { Badge, Figure, Heading, Link, Section } from '../parts/ui.js';
import { switchRoute } from './switch-route.js';

export function RoutePage() {
  const { method = '', route = '' } = useSignal(place).query;
  const rows = useRead<Routes>(pathOf('/routes', { limit: 1_000, search: `${method} ${route}` }), {
    everyMs: 1_000,
  });
  const histogram = useRead<RouteHistogram>(pathOf('/routes/histogram', { method, route }), {
    everyMs: 1_000,
  });
  return (
    <>
      <Heading title={`${method} ${route === '' ? 'no route' : route}`} />
      <p>
        <Link page="routes">All routes</Link>
      </p>
      <Data from={rows}>
        {({ items }) => {
          const row = items.find((one) => one.method === method && one.route === route);
          return row === undefined ? (
            <Empty title="The process has no such route">It may have had no request yet.</Empty>
          ) : (
            <RouteFigures row={row} reload={rows.reload} />
          );
        }}
      </Data>
      <Section title="Durations">
        <Data from={histogram}>
          {(one) => (
            <>
              <Bars
                title={`Durations of the last ${Math.round(one.windowS)} s`}
                edges={one.edgesMs}
                counts={one.window}
              />
              <Bars title="Durations since the start" edges={one.edgesMs} counts={one.total} />
              <Statuses statuses={one.statuses} />
            </>
          )}
        </Data>
      </Section>
      <p>
        <Link page="traces" query={{ route }}>
          Traces of this route
        </Link>{' '}
        <Link page="traces" query={{ route, status: 'error' }}>
          Failed ones
        </Link>
      </p>
    </>
  );
}

function RouteFigures({ row, reload }: { row: RouteRow; reload: () => void }) {
  const docs = webAddress(row.docs);
  const state = row.off ? 'off' : 'on';
  return (
    <>
      <dl class="figures">
        <Figure label="Requests" value={`${rate(row.perSecond)}/s`} note={`${count(row.requests)} in all`} />
        <Figure
          label="Errors"
          value={`${rate(row.errorsPerSecond)}/s`}
          note={`${count(row.errors)} in all`}
          tone={row.errorsPerSecond > 0 ? 'bad' : 'none'}
        />
        <Figure label="p50" value={ms(row.p50Ms)} />
        <Figure label="p99" value={ms(row.p99Ms)} note={`max ${ms(row.maxMs)}`} />
        <Figure label="CPU share" value={percent(row.cpuRatio)} />
        <Figure
          label="Stalls"
          value={count(row.stalls)}
          note={row.stalls > 0 ? 'it blocked a worker' : undefined}
          tone={row.stalls > 0 ? 'bad' : 'none'}
        />
      </dl>
      <p class="actions">
        <Badge state={state} />
        <button
          type="button"
          class={row.off ? '' : 'danger'}
          onClick={() => void switchRoute(row, row.off ? 'on' : 'off').then(reload)}
        >
          {row.off ? 'Switch on' : 'Switch off'}
        </button>
        {docs === undefined ? null : (
          <a href={docs} target="_blank" rel="noreferrer noopener">
            Try it in the documentation
          </a>
        )}
      </p>
    </>
  );
}

function Statuses({ statuses }: { statuses: RouteHistogram['statuses'] }) {
  const all = Object.values(statuses).reduce((sum, one) => sum + one, 0);
  if (all === 0) return null;
  return (
    <ul class="chips" aria-label="Responses by status">
      {Object.entries(statuses).map(([status, one]) => (
        <li key={status} class={Number(status) >= 500 ? 'chip tone-bad' : 'chip'}>
          <b>{plain(status)}</b> {count(one)} <span class="quiet">{percent(one / all)}</span>
        </li>
      ))}
    </ul>
  );
}
