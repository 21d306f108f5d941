// The CPU pool, and which routes take the CPU of the workers.
import { count, ms, percent, plain } from '../core/format.js';
import type { Cpu } from '../core/types.js';
import { useLive } from '../core/use-live.js';
import { Data, Empty } from '../parts/states.js';
import { type Column, inRed, numberColumn, Table } from '../parts/table.js';
import { Figure, Heading, Link, Meter, Section } from '../parts/ui.js';
import { Counts } from './limits.js';

export function CpuPage() {
  const live = useLive<Cpu>('cpu');
  return (
    <>
      <Heading title="CPU" />
      <Data from={live}>
        {(cpu) => (
          <>
            <Section title="Share of each route" note="of the CPU time of all workers">
              <Shares shares={cpu.shares} />
            </Section>
            <Pool cpu={cpu} />
            <Section title="Tasks">
              <Tasks tasks={cpu.tasks} />
            </Section>
          </>
        )}
      </Data>
    </>
  );
}

const Shares = ({ shares }: { shares: Cpu['shares'] }) =>
  shares.length === 0 ? (
    <Empty title="No route takes CPU time now">Shares are sampled only while workers are busy.</Empty>
  ) : (
    <ul class="saturation">
      {shares.map(({ route, ratio }) => (
        <li key={route}>
          <span class="mono">{plain(route)}</span>
          <Meter ratio={ratio} label={route} />
          <span />
        </li>
      ))}
    </ul>
  );

const Pool = ({ cpu }: { cpu: Cpu }) => (
  <Section title="CPU pool" actions={<Link page="switches">Change the threads</Link>}>
    <dl class="figures">
      <Figure label="Threads" value={count(cpu.threads)} note={`at most ${count(cpu.maxThreads)}`} />
      <Figure label="Busy" value={count(cpu.busy)} note={percent(cpu.utilization)} />
      <Figure
        label="Queued"
        value={count(cpu.queued)}
        note={cpu.queueLimit === null ? 'no limit' : `of ${count(cpu.queueLimit)}`}
        tone={cpu.queueLimit !== null && cpu.queued >= cpu.queueLimit ? 'bad' : 'none'}
      />
    </dl>
    <Counts
      counts={cpu.refused}
      label="Refused tasks by reason"
      none="No task was refused since the start."
    />
  </Section>
);

const taskColumns: readonly Column<Cpu['tasks'][number]>[] = [
  {
    key: 'task',
    title: 'Task',
    cell: ({ service, task }) => (
      <>
        <span class="quiet">{plain(service)}</span> <span class="mono">{plain(task)}</span>
      </>
    ),
    by: ({ service, task }) => `${service} ${task}`,
  },
  numberColumn('runs', 'Runs', ({ runs }) => runs),
  numberColumn('failed', 'Failed', ({ failed }) => failed, inRed(count)),
  numberColumn('p50', 'p50', ({ p50Ms }) => p50Ms, ms),
  numberColumn('p99', 'p99', ({ p99Ms }) => p99Ms, ms),
];

const Tasks = ({ tasks }: { tasks: Cpu['tasks'] }) =>
  tasks.length === 0 ? (
    <Empty title="No task has run yet">A service runs one with cpu.run().</Empty>
  ) : (
    <Table
      label="Tasks"
      rows={tasks}
      keyOf={({ service, task }) => `${service} ${task}`}
      sortedBy="runs"
      columns={taskColumns}
    />
  );
