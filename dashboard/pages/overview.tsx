// What a person at 3 a.m. needs first: what is wrong, in words, then the traffic.
import { ago, count, ms, percent, plain, rate, seconds, usage } from '../core/format.js';
import { traffic } from '../core/history.js';
import { isPlace } from '../core/place.js';
import type { Overview, Problem, Saturation } from '../core/types.js';
import { useLive } from '../core/use-live.js';
import { Chart } from '../parts/chart.js';
import { Data, Empty } from '../parts/states.js';
import { Badge, Figure, Heading, Meter, Section } from '../parts/ui.js';

export function OverviewPage() {
  const live = useLive<Overview>('overview');
  return (
    <>
      <Heading title="Overview" />
      <Data from={live}>
        {(overview) => (
          <>
            <Problems problems={overview.problems} isOld={live.error !== undefined} />
            <Traffic overview={overview} isOld={live.error !== undefined} />
            <Charts />
            <Saturations saturation={overview.saturation} />
            <Identity process={overview.process} />
          </>
        )}
      </Data>
    </>
  );
}

/** @param isOld the connection is interrupted, so it is not known what is wrong now */
const Problems = ({ problems, isOld }: { problems: readonly Problem[]; isOld: boolean }) => (
  <Section
    title={isOld ? 'What was wrong before' : 'What is wrong now'}
    note={problems.length === 0 ? undefined : count(problems.length)}
  >
    {problems.length === 0 && isOld ? (
      <Empty title="Nothing was wrong before">What is wrong now is not known.</Empty>
    ) : problems.length === 0 ? (
      <Empty title="Nothing is wrong">
        Workers, breakers, limits, sagas and databases are as they should be.
      </Empty>
    ) : (
      <ul class="problems">
        {problems.map((problem) => (
          <li key={problem.id} class={`problem severity-${severityOf(problem)}`}>
            <Badge state={severityOf(problem)} />
            <div class="problem-text">
              <h3>
                {isPlace(problem.page) ? (
                  <a href={problem.page}>{plain(problem.title)}</a>
                ) : (
                  plain(problem.title)
                )}
              </h3>
              <p>{plain(problem.detail)}</p>
            </div>
            {problem.since === null ? null : <span class="quiet since">{ago(problem.since)}</span>}
          </li>
        ))}
      </ul>
    )}
  </Section>
);

const severityOf = ({ severity }: Problem): string =>
  severity === 'critical' || severity === 'warning' ? severity : 'info';

function Traffic({ overview, isOld }: { overview: Overview; isOld: boolean }) {
  const { requests, latencyMs, process, windowS } = overview;
  const share = requests.perSecond === 0 ? 0 : requests.errorsPerSecond / requests.perSecond;
  return (
    <Section title="Traffic" note={`the last ${Math.round(windowS)} s`}>
      <dl class="figures">
        <Figure
          label="Requests"
          value={`${rate(requests.perSecond)}/s`}
          note={`${count(requests.total)} in all`}
        />
        <Figure
          label="Errors"
          value={`${rate(requests.errorsPerSecond)}/s`}
          note={`${percent(share)} of requests`}
          tone={share > 0.05 ? 'bad' : share > 0.01 ? 'warn' : 'none'}
        />
        <Figure label="p50" value={ms(latencyMs.p50)} />
        <Figure label="p99" value={ms(latencyMs.p99)} note={`max ${ms(latencyMs.max)}`} />
        <Figure label="In flight" value={count(requests.inFlight)} />
        <Figure
          label="State"
          value={isOld ? 'unknown' : process.ready ? 'ready' : 'not ready'}
          note={
            isOld
              ? `${process.ready ? 'ready' : 'not ready'} before`
              : process.ready
                ? `up ${seconds(process.uptimeS)}`
                : process.reasons.map(plain).join('; ')
          }
          tone={isOld ? 'none' : process.ready ? 'good' : 'bad'}
        />
      </dl>
    </Section>
  );
}

function Charts() {
  const [times = [], requests = [], errors = [], p50 = [], p99 = []] = traffic.columns;
  return (
    <div class="charts">
      <Chart
        title="Requests a second"
        columns={[times, requests, errors]}
        lines={[
          { name: 'requests', colour: 'blue', isFilled: true },
          { name: 'errors', colour: 'red' },
        ]}
        format={rate}
        least={10}
      />
      <Chart
        title="Response time"
        columns={[times, p50, p99]}
        lines={[
          { name: 'p50', colour: 'teal' },
          { name: 'p99', colour: 'violet' },
        ]}
        format={ms}
      />
    </div>
  );
}

const Saturations = ({ saturation }: { saturation: readonly Saturation[] }) => (
  <Section title="Saturation" note="how much of each limit is used">
    {saturation.length === 0 ? (
      <Empty title="No limits are known yet" />
    ) : (
      <ul class="saturation">
        {saturation.map(({ name, used, limit, ratio, unit }) => (
          <li key={name}>
            <span>{plain(name)}</span>
            <Meter ratio={ratio} label={name} />
            <span class="quiet number">{usage(used, limit, plain(unit))}</span>
          </li>
        ))}
      </ul>
    )}
  </Section>
);

const Identity = ({ process }: { process: Overview['process'] }) => (
  <p class="identity quiet">
    {plain(process.service)} {plain(process.version)} · process {process.pid} on {plain(process.host)} ·
    Node.js {plain(process.node)}
  </p>
);
