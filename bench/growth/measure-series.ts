// Measures one series: all its points in the same rounds, each beside its controls.
import { type Measured, measure, type Plan } from '../measure.js';
import { type Server, startServer } from '../process/server.js';
import { shapeNamed } from '../shapes/shapes.js';
import type { Subject } from '../subjects/subject.js';
import { noiseOf, type Result, summarize } from '../summarize.js';
import { type Point, rolesOf, type Series } from './series.js';

export interface PointFigures {
  readonly label: string;
  readonly connections: number;
  /** Undefined when one of the three servers of this point could not be measured. */
  readonly figures: { readonly ours: Result; readonly control: Result; readonly double: Result } | undefined;
}

export interface SeriesFigures extends Pick<Series, 'name' | 'title' | 'shape'> {
  readonly points: readonly PointFigures[];
}

/** Starts the servers of a series, measures its points in rounds, and ends the servers. */
export async function measureSeries(series: Series, plan: Plan): Promise<SeriesFigures> {
  const { name, title, shape, points } = series;
  const started: Server[] = [];
  const start = async (subject: Subject): Promise<Server> => {
    plan.signal.throwIfAborted();
    const server = await startServer(subject);
    started.push(server);
    await subject.prepare?.(server);
    return server;
  };
  const servers: Server[] = [];
  const connections = new Map<string, number>();
  let running: readonly Server[] = [];
  try {
    for (const { label, subjects, connections: count } of points) {
      if (subjects !== undefined) {
        const { ours, control, double } = subjects;
        running = [await start(ours), await start(control), await start(double)];
      }
      const { baseline, double } = rolesOf(label);
      for (const [index, server] of [label, baseline, double].entries()) {
        servers.push({ ...running[index]!, name: server });
        connections.set(server, count);
      }
    }
    const measured = await measure({ shape: shapeNamed(shape), fields: 'bare' }, servers, {
      ...plan,
      connectionsOf: (server) => connections.get(server.name)!,
    });
    return { name, title, shape, points: points.map((point) => figuresOf(point, shape, measured)) };
  } finally {
    await Promise.all(started.map((server) => server.stop()));
  }
}

/** Ratios and calm rounds are those of the point: its servers are loaded one after the other. */
export function figuresOf(
  { label, connections }: Pick<Point, 'label' | 'connections'>,
  shape: string,
  measured: readonly Measured[],
): PointFigures {
  const roles = rolesOf(label);
  const names = [label, roles.baseline, roles.double];
  const own = measured.filter(({ server }) => names.includes(server));
  if (own.length < names.length) return { label, connections, figures: undefined };
  const rows = summarize({ shape: shapeNamed(shape), fields: 'bare' }, own, roles);
  const [ours, control, double] = names.map((name) => rows.find(({ server }) => server === name)!);
  return { label, connections, figures: { ours: ours!, control: control!, double: double! } };
}

/** The largest distance from 1 of an A/A ratio, over the calm rounds of all points; null without a point. */
export function noiseOfSeries(series: readonly SeriesFigures[]): number | null {
  const noises = series.flatMap(({ points }) =>
    points.flatMap(({ label, figures }) =>
      figures === undefined ? [] : (noiseOf([figures.double], rolesOf(label)) ?? []),
    ),
  );
  return noises.length === 0 ? null : Math.max(...noises);
}
