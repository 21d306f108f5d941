// Work for the CPU beside requests: images that take seconds are rendered on the CPU pool, while the workers go on serving.
import { readFileSync } from 'node:fs';
import { defineConfig, defineService, Type } from 'multilane';

const page = readFileSync(new URL('./page.html', import.meta.url), 'utf8');

/** The query of both routes. Its limits bound what one request may cost. */
const View = Type.Object({
  width: Type.Integer({ minimum: 16, maximum: 2000, default: 800 }),
  depth: Type.Integer({ minimum: 1, maximum: 20_000, default: 2000 }),
});

const fractal = defineService({
  name: 'fractal',
  tasks: new URL('./tasks.js', import.meta.url),
  routes(app, { cpu }) {
    app.get('/', (ctx) => ctx.html(page));

    // When the client leaves or the deadline passes, the task is interrupted. More than four images at a time, over all
    // workers, are refused with 503 instead of waiting for each other.
    const limits = { query: View, maxConcurrent: 4 };
    app.get('/fractal.png', { ...limits, summary: 'An image' }, async (ctx) =>
      ctx.bytes(await cpu.run('render', ctx.input.query), 'image/png'),
    );

    // The same with progress: events while the task runs, and the image in the last one.
    app.get('/render', { ...limits, summary: 'An image, with its progress' }, (ctx) =>
      ctx.sse(() => rendering(cpu, ctx.input.query, ctx.signal)),
    );

    // A worker responds to this at any time.
    app.get('/ping', () => 'pong');
  },
});

/**
 * The events of one rendering.
 * @param {import('multilane').Cpu} cpu @param {{ width: number, depth: number }} view @param {AbortSignal} signal
 */
async function* rendering(cpu, view, signal) {
  /** The latest progress that was not sent yet. */
  let latest = 0;
  let wake = () => {};
  const onProgress = (share) => {
    latest = share;
    wake();
  };
  const rendered = cpu.run('render', view, { signal, onProgress });
  const done = rendered.then(() => 'done');
  for (;;) {
    const reported = new Promise((resolve) => {
      wake = () => resolve('progress');
    });
    if ((await Promise.race([reported, done])) === 'done') break;
    yield { event: 'progress', data: { share: latest } };
  }
  const png = await rendered;
  yield { event: 'image', data: `data:image/png;base64,${Buffer.from(png).toString('base64')}` };
}

export default defineConfig({ services: [fractal] });
