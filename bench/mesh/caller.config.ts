// A process that calls at a fixed rate, and responds with the latencies. They count from the time at which a
// call was due.
import { setTimeout as sleep } from 'node:timers/promises';
import { defineConfig, defineService, type PickerName, Type } from 'multilane';

const Drive = Type.Object({
  service: Type.String(),
  picker: Type.String(),
  perSecond: Type.Number(),
  ms: Type.Number(),
});

const NONE = () => ({ status: 500 });
const exponential = (): number => -Math.log(1 - Math.random());

const drive = defineService({
  name: 'drive',
  routes(app, { call }) {
    app.post('/drive', { body: Drive, timeoutMs: 120_000 }, async (ctx) => {
      const { service, perSecond, ms } = ctx.body;
      const picker = ctx.body.picker as PickerName;
      const latencies: number[] = [];
      let failed = 0;
      const one = async (due: number): Promise<void> => {
        const options = { picker, timeoutMs: 10_000, retries: 0, fallback: NONE };
        const { status } = await call(service).get('/work', options);
        if (status === 200) latencies.push(performance.now() - due);
        else failed += 1;
      };
      const pending: Promise<void>[] = [];
      const from = performance.now();
      // Independent clients send at exponentially distributed intervals.
      for (let due = from; due < from + ms; due += (exponential() * 1_000) / perSecond) {
        const wait = due - performance.now();
        if (wait > 1) await sleep(wait);
        pending.push(one(due));
      }
      await Promise.all(pending);
      return { latencies, failed };
    });
  },
});

export default defineConfig({ services: [drive] });
