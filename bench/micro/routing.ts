// Whether finding a route depends on how many there are: the same paths among 10 and among 10,000 routes.
// node build/bench/micro/routing.js
import { Router } from '#src/server/router.js';
import { nanosecondsPerCall } from './time.js';

const CALLS = 200_000;
const FEW = 10;
const MANY = 10_000;

function routerOf(routes: number): Router<number> {
  const router = new Router<number>();
  for (let i = 0; i < routes; i += 1) {
    router.add('GET', `/api/v1/static${i}`, i);
    router.add('GET', `/api/v1/things${i}/:id/parts/:part`, i);
    router.add('GET', `/api/v1/numbers${i}/:id(\\d+)`, i);
    router.add('GET', `/api/v1/files${i}/*`, i);
  }
  return router;
}

const few = routerOf(FEW);
const many = routerOf(MANY);
const paths: [string, (i: number) => string][] = [
  ['static', (i) => `/api/v1/static${i}`],
  ['two parameters', (i) => `/api/v1/things${i}/4711/parts/7`],
  ['expression', (i) => `/api/v1/numbers${i}/4711`],
  ['wildcard', (i) => `/api/v1/files${i}/a/b/c.txt`],
  ['no such route', (i) => `/api/v1/nowhere${i}/x`],
];

for (const [what, path] of paths) {
  // The same ten paths in both: what is compared is the size of the table, not how warm the paths are.
  const asked = Array.from({ length: FEW }, (_, i) => path(i));
  const cost = (router: Router<number>) =>
    nanosecondsPerCall(CALLS, (turn) => void router.find('GET', asked[turn % FEW]!));
  const [small, large] = [cost(few), cost(many)];
  process.stdout.write(
    `${what.padEnd(16)} ${FEW * 4} routes ${small.median.toFixed(0).padStart(5)} ns   ` +
      `${MANY * 4} routes ${large.median.toFixed(0).padStart(5)} ns   ratio ${(large.median / small.median).toFixed(2)}\n`,
  );
}
