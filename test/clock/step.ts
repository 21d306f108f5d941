// Loaded into every thread of a process before anything else. It makes `Date` step back and forth by an hour
// and by a day, many times a second and in all threads at the same moment, so that code which derives
// durations or an order from it fails at once. Only `Date` steps: files and PostgreSQL use the clock of the
// host.
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const EVERY_MS = 30;
const STEPS = [0, -HOUR_MS, 0, HOUR_MS, 0, -DAY_MS, 0, DAY_MS] as const;

const RealDate = globalThis.Date;
const now = (): number => {
  const real = RealDate.now();
  return real + STEPS[Math.floor(real / EVERY_MS) % STEPS.length]!;
};

globalThis.Date = new Proxy(RealDate, {
  construct: (target, given: readonly unknown[], made) =>
    Reflect.construct(target, given.length === 0 ? [now()] : given, made) as Date,
  get: (target, name) => (name === 'now' ? now : (Reflect.get(target, name) as unknown)),
});
