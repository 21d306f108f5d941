// One trace: its spans as a waterfall, and the attributes of the chosen one.
import { useMemo, useState } from 'preact/hooks';
import { count, counted, dateTime, ms, plain } from '../core/format.js';
import { hrefOf, place } from '../core/place.js';
import { useSignal } from '../core/signal.js';
import type { Span, Trace } from '../core/types.js';
import { useRead } from '../core/use-live.js';
import { type Fall, fallsOf } from '../draw/waterfall.js';
import { Data, Empty } from '../parts/states.js';
import { Badge, Heading, Link, Section } from '../parts/ui.js';

/** Spans that are drawn; a trace may have thousands. */
const MOST = 500;
const INCOMPLETE =
  'The trace may have other spans: newer ones have displaced them, or they have not ended or are in another process.';

export function TracePage() {
  const { id = '' } = useSignal(place).query;
  const read = useRead<Trace>(`/traces/${encodeURIComponent(id)}`);
  return (
    <>
      <Heading title="Trace">
        <button type="button" onClick={read.reload}>
          Reload
        </button>
      </Heading>
      <p>
        <Link page="traces">All traces</Link> · <span class="mono quiet">{plain(id)}</span>
      </p>
      <Data from={read}>
        {({ spans, spansLeftOut, isIncomplete }) =>
          spans.length === 0 ? (
            <Empty title="The trace has no spans" />
          ) : (
            <>
              {isIncomplete ? <p class="quiet">{INCOMPLETE}</p> : null}
              <Waterfall spans={spans} leftOut={spansLeftOut} />
            </>
          )
        }
      </Data>
    </>
  );
}

function Waterfall({ spans, leftOut }: { spans: readonly Span[]; leftOut: number }) {
  const falls = useMemo(() => fallsOf(spans), [spans]);
  const [chosen, setChosen] = useState<string | null>(null);
  const fall = falls.find(({ span }) => span.spanId === chosen) ?? falls[0];
  return (
    <>
      <Section title="Spans" note={count(spans.length)}>
        <ol class="waterfall">
          {falls.slice(0, MOST).map((one) => (
            <Row key={one.span.spanId} fall={one} isChosen={one === fall} choose={setChosen} />
          ))}
        </ol>
        {falls.length > MOST ? <p class="quiet">The first {MOST} spans are shown.</p> : null}
        {leftOut > 0 ? (
          <p class="quiet">{counted(leftOut, 'earlier span is', 'earlier spans are')} left out.</p>
        ) : null}
      </Section>
      {fall === undefined ? null : <Details fall={fall} />}
    </>
  );
}

interface RowProps {
  readonly fall: Fall;
  readonly isChosen: boolean;
  readonly choose: (spanId: string) => void;
}

const Row = ({ fall: { span, depth, lacksParent, left, width }, isChosen, choose }: RowProps) => (
  <li>
    <button
      type="button"
      class={isChosen ? 'fall chosen' : 'fall'}
      aria-pressed={isChosen}
      onClick={() => choose(span.spanId)}
    >
      <span class="fall-name" style={{ paddingLeft: `${Math.min(depth, 12) * 12}px` }}>
        {span.status === 'error' ? <span class="ink-bad">✕ </span> : null}
        <span class="mono">{plain(span.name)}</span> <span class="quiet">{plain(span.kind)}</span>
        {lacksParent ? <span class="quiet"> · its parent is not here</span> : null}
      </span>
      <span class="fall-track" aria-hidden="true">
        <span
          class={span.status === 'error' ? 'fall-bar bad' : 'fall-bar'}
          style={{ left: `${Math.min(99.5, left * 100)}%`, width: `${Math.max(0.4, width * 100)}%` }}
        />
      </span>
      <span class="number">{ms(span.durationMs)}</span>
    </button>
  </li>
);

function Details({ fall: { span, lacksParent } }: { fall: Fall }) {
  const rows: readonly (readonly [string, string])[] = [
    ['span id', span.spanId],
    ...(lacksParent ? [['parent', `${span.parentSpanId} is not here`] as const] : []),
    ['started', dateTime(span.startedAt)],
    ['worker', span.worker === null ? '–' : String(span.worker)],
    ...Object.entries(span.attributes).map(([name, value]) => [name, plain(value)] as const),
  ];
  return (
    <Section title={plain(span.name)}>
      <p>
        <Badge state={span.status} />{' '}
        {span.statusMessage === null ? null : <span class="ink-bad">{plain(span.statusMessage)}</span>}
      </p>
      <dl class="attributes">
        {rows.map(([name, value]) => (
          <div key={name}>
            <dt>{plain(name)}</dt>
            <dd class="mono">{plain(value)}</dd>
          </div>
        ))}
      </dl>
      {span.links.length === 0 ? null : (
        <p>
          Continues{' '}
          {span.links.map(({ traceId }) => (
            <a key={traceId} class="mono" href={hrefOf('trace', { id: traceId })}>
              {plain(traceId)}
            </a>
          ))}
        </p>
      )}
    </Section>
  );
}
