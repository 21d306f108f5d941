// One saga: what happened in which order, its error, its results, and the actions on it.
import { ago, counted, dateTime, json, ms, plain } from '../core/format.js';
import { place } from '../core/place.js';
import { useSignal } from '../core/signal.js';
import type { SagaStep, SagaView } from '../core/types.js';
import { useRead } from '../core/use-live.js';
import { Data, Empty } from '../parts/states.js';
import { Badge, Heading, Link, Section, toneOf } from '../parts/ui.js';
import { runAction, SAGA_ACTIONS } from './saga-actions.js';

export function SagaPage() {
  const { id = '' } = useSignal(place).query;
  const read = useRead<SagaView>(`/sagas/${encodeURIComponent(id)}`, { everyMs: 1_500 });
  return (
    <>
      <Heading title={read.data === undefined ? 'Saga' : read.data.saga} />
      <p>
        <Link page="sagas">All sagas</Link> · <span class="mono quiet">{plain(id)}</span>
      </p>
      <Data from={read}>
        {(saga) => (
          <>
            <State saga={saga} reload={read.reload} />
            <Section title="Steps" note="in the order in which they run; compensations go in reverse">
              <Timeline saga={saga} />
            </Section>
            <Section title="Results of steps" note="written by services">
              {Object.keys(saga.results).length === 0 ? (
                <Empty title="No step has a result" />
              ) : (
                // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached with the keyboard
                <pre class="json" tabIndex={0}>
                  {json(saga.results)}
                </pre>
              )}
            </Section>
          </>
        )}
      </Data>
    </>
  );
}

function State({ saga, reload }: { saga: SagaView; reload: () => void }) {
  const fitting = SAGA_ACTIONS.filter((action) => action.fits(saga));
  return (
    <>
      <p>
        <Badge state={saga.status} /> version {saga.version}, started {dateTime(saga.createdAt)}, changed{' '}
        {ago(saga.updatedAt)}
      </p>
      {saga.reason === null ? null : (
        <p class="note tone-bad">
          Needs attention: <b>{plain(saga.reason)}</b>
        </p>
      )}
      {saga.error === null ? null : (
        <p class="note tone-warn">
          Step <b>{plain(saga.error.failedStep)}</b> failed with <b>{plain(saga.error.code)}</b>:{' '}
          {plain(saga.error.message)}
        </p>
      )}
      <p class="actions">
        {fitting.length === 0 ? (
          <span class="quiet">
            {saga.status === 'compensating'
              ? 'It compensates; no action is needed now.'
              : 'It has ended; no action is possible.'}
          </span>
        ) : (
          fitting.map((action) => (
            <button
              key={action.name}
              type="button"
              class={action.isDangerous === true ? 'danger' : 'primary'}
              onClick={() => void runAction(saga, action).then(reload)}
            >
              {action.title}
            </button>
          ))
        )}
      </p>
    </>
  );
}

/** Each step as a row: what became of it, and when it ran within the life of the saga. */
function Timeline({ saga }: { saga: SagaView }) {
  const start = Date.parse(saga.createdAt);
  const times = saga.steps.flatMap(({ startedAt, finishedAt }) =>
    [startedAt, finishedAt].flatMap((one) => (one === null ? [] : [Date.parse(one)])),
  );
  const end = Math.max(start + 1, Date.parse(saga.updatedAt), ...times);
  return (
    <ol class="timeline">
      {saga.steps.map((step, index) => (
        <StepRow key={`${index}`} step={step} start={start} end={end} />
      ))}
    </ol>
  );
}

function StepRow({ step, start, end }: { step: SagaStep; start: number; end: number }) {
  const from = step.startedAt === null ? null : Date.parse(step.startedAt);
  const to = step.finishedAt === null ? end : Date.parse(step.finishedAt);
  const share = (time: number): number => Math.min(100, Math.max(0, ((time - start) / (end - start)) * 100));
  return (
    <li class={`step tone-${toneOf(step.status)}`}>
      <span class="step-name">{plain(step.name)}</span>
      <Badge state={step.status} />
      <span class="quiet">{step.attempts === 0 ? 'not begun' : counted(step.attempts, 'attempt')}</span>
      <span class="step-track" aria-hidden="true">
        {from === null ? null : (
          <span
            class="step-bar"
            style={{ left: `${share(from)}%`, width: `${Math.max(0.8, share(to) - share(from))}%` }}
          />
        )}
      </span>
      <span class="quiet number">
        {from === null ? '' : `+${ms(from - start)}${step.finishedAt === null ? '' : `, ${ms(to - from)}`}`}
      </span>
      {step.error === null ? null : (
        <span class="step-error">
          <b>{plain(step.error.code)}</b> {plain(step.error.message)}
        </span>
      )}
    </li>
  );
}
