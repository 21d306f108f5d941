// The series of `npm run bench:growth`: what grows, and at which points it is measured.
import { register } from '../process/register.js';
import { multilane, rawUws, type Sharding, type Surroundings } from '../subjects/own.js';
import type { Subject } from '../subjects/subject.js';
import type { Roles } from '../summarize.js';
import { checkRoutes } from './check-routes.js';

export const SERIES_NAMES = ['routes', 'static-routes', 'workers', 'connections', 'instances'] as const;
export type SeriesName = (typeof SERIES_NAMES)[number];

const ROUTES = [10, 100, 1_000, 10_000];
/** Instances in the registry, with those of our two services and eight of the service that is called. */
const INSTANCES = [10, 100, 1_000, 10_000];
const [OWN, CALLED] = [2, 8];
/** The number of instances of each other service. */
const OF_ONE_SERVICE = 20;
/** The values of the series that are named as a flag. */
export const STEPS = { workers: [2, 4, 8], connections: [64, 256, 1_024, 4_096, 10_000] } as const;

/** What is started for a point. */
export interface PointSubjects {
  readonly ours: Subject;
  /** Raw uWebSockets.js with as many threads: what the machine alone costs at this point. */
  readonly control: Subject;
  /** The control a second time (A/A), which shows the noise. */
  readonly double: Subject;
}

/** One point of a series. */
export interface Point {
  readonly label: string;
  /** Undefined for a point at which the servers of the first point are loaded in another way. */
  readonly subjects?: PointSubjects;
  readonly connections: number;
}

export interface Series {
  readonly name: SeriesName;
  readonly title: string;
  readonly shape: string;
  readonly points: readonly Point[];
}

/** The names of the controls of a point, among the servers of its series. */
export const rolesOf = (label: string): Roles => ({
  baseline: `raw, ${label}`,
  double: `raw again, ${label}`,
});

export interface SeriesOptions {
  readonly sharding: Sharding;
  /** Connections of the load tool where they do not grow. */
  readonly connections: number;
}

/** The subject with so many more routes, half of them with a parameter. */
const withRoutes = (subject: Subject, count: number): Subject => ({
  ...subject,
  env: { ...subject.env, BENCH_ROUTES: `${count}` },
  async prepare(server) {
    await subject.prepare?.(server);
    await checkRoutes(server.url, count);
  },
});

/** The subject with so many instances in its registry in all. */
const withInstances = (subject: Subject, upstream: string, count: number): Subject => ({
  ...subject,
  prepare: (server) =>
    register(
      server,
      Array.from({ length: count - OWN }, (_, n) => {
        const service = n < CALLED ? 'upstream' : `other-${Math.floor(n / OF_ONE_SERVICE)}`;
        return { service, id: `${n}`, url: upstream };
      }),
    ),
});

export function seriesIn(surroundings: Surroundings, { sharding, connections }: SeriesOptions): Series[] {
  /** @param change what makes this point differ from the others */
  const ours = (label: string, workers: number, change = (subject: Subject): Subject => subject): Point => {
    const around = { ...surroundings, workers };
    const { baseline, double } = rolesOf(label);
    const subjects: PointSubjects = {
      ours: change(multilane(label, sharding, around)),
      control: rawUws(baseline, sharding, around),
      double: rawUws(double, sharding, around),
    };
    return { label, subjects, connections };
  };
  const { workers, upstream } = surroundings;
  const routes = ROUTES.map((count) =>
    ours(`${count} routes`, workers, (subject) => withRoutes(subject, count)),
  );
  return [
    { name: 'routes', title: 'a parameter, by routes', shape: 'param', points: routes },
    { name: 'static-routes', title: 'JSON, by routes', shape: 'json', points: routes },
    {
      name: 'workers',
      title: 'JSON, by workers',
      shape: 'json',
      points: STEPS.workers.map((count) => ours(`${count} workers`, count)),
    },
    {
      name: 'connections',
      title: 'JSON, by connections',
      shape: 'json',
      points: STEPS.connections.map((count, n) => ({
        ...(n === 0 ? ours('connections', workers) : {}),
        label: `${count} connections`,
        connections: count,
      })),
    },
    {
      name: 'instances',
      title: 'a call to another process, by instances in the registry',
      shape: 'hop',
      points: INSTANCES.map((count) =>
        ours(`${count} instances`, workers, (subject) => withInstances(subject, upstream, count)),
      ),
    },
  ];
}
