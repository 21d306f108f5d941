// Measures whether the cost of finding a route depends on the number of routes: ten of a kind, and ten
// thousand. In the large table the same ten paths are looked up first, which shows the cost of its size, and
// then all of its paths in turn, which adds the misses of the processor's caches. node
// build/bench/micro/routing.js
import { Router } from '#src/server/routing/router.js';
import { nanosecondsPerCall } from './time.js';

const CALLS = 200_000;
const FEW = 10;
const MANY = 10_000;

interface Kind {
  readonly what: string;
  readonly pattern: (route: number) => string;
  readonly path: (route: number) => string;
}

const kinds: readonly Kind[] = [
  { what: 'static', pattern: (i) => `/api/v1/static${i}`, path: (i) => `/api/v1/static${i}` },
  {
    what: 'two parameters',
    pattern: (i) => `/api/v1/things${i}/:id/parts/:part`,
    path: (i) => `/api/v1/things${i}/4711/parts/7`,
  },
  {
    what: 'expression',
    pattern: (i) => `/api/v1/numbers${i}/:id(\\d+)`,
    path: (i) => `/api/v1/numbers${i}/4711`,
  },
  { what: 'wildcard', pattern: (i) => `/api/v1/files${i}/*`, path: (i) => `/api/v1/files${i}/a/b/c.txt` },
  { what: 'no such route', pattern: (i) => `/api/v1/things${i}/:id`, path: (i) => `/api/v1/nowhere${i}/x` },
];

for (const { what, pattern, path } of kinds) {
  const routerOf = (routes: number): Router<number> => {
    const router = new Router<number>();
    for (let i = 0; i < routes; i += 1) router.add('GET', pattern(i), i);
    return router;
  };
  const cost = (router: Router<number>, asked: number): number => {
    const paths = Array.from({ length: asked }, (_, i) => path(i));
    return nanosecondsPerCall(CALLS, (turn) => void router.find('GET', paths[turn % asked]!)).median;
  };
  const [few, many] = [routerOf(FEW), routerOf(MANY)];
  const [small, large, all] = [cost(few, FEW), cost(many, FEW), cost(many, MANY)];
  const ns = (value: number): string => `${value.toFixed(0).padStart(5)} ns`;
  process.stdout.write(
    `${what.padEnd(16)} ${FEW} routes ${ns(small)}   ${MANY} routes ${ns(large)} (x ${(large / small).toFixed(2)})` +
      `   all ${MANY} by turns ${ns(all)} (x ${(all / small).toFixed(2)})\n`,
  );
}
