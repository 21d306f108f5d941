// A service whose requests take a time that is distributed exponentially, and of which a few run at once.
import { setTimeout as sleep } from 'node:timers/promises';
import { defineConfig, defineService } from 'multilane';

const MEAN_MS = Number(process.env.BENCH_MEAN_MS);
const AT_ONCE = 8;

const work = defineService({
  name: 'work',
  routes(app) {
    let running = 0;
    const waiting: (() => void)[] = [];
    app.get('/work', async () => {
      if (running >= AT_ONCE) await new Promise<void>((resolve) => waiting.push(resolve));
      else running += 1;
      try {
        await sleep(MEAN_MS / 2 - (MEAN_MS / 2) * Math.log(1 - Math.random()));
        return 'done';
      } finally {
        const next = waiting.shift();
        if (next === undefined) running -= 1;
        else next();
      }
    });
  },
});

export default defineConfig({ services: [work] });
