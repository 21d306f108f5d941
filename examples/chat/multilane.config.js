// A chat over WebSockets and a clock over server-sent events, with a page that shows both. Chat rooms span
// all workers: it does not matter which one a client is connected to.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { defineConfig, defineService, HttpError } from 'multilane';

const page = readFileSync(new URL('./page.html', import.meta.url), 'utf8');
const NAME = /^[\p{L}\p{N} _-]{1,40}$/u;

const chat = defineService({
  name: 'chat',
  routes(app) {
    app.get('/', (ctx) => ctx.html(page));

    app.ws('/chat/:room', {
      maxPayload: 4096,
      idleTimeoutMs: 30_000,
      // This runs before the WebSocket opens, after the hooks of the request; an error here is an HTTP
      // response.
      upgrade(ctx) {
        const name = ctx.query.get('name') ?? '';
        if (!NAME.test(name))
          throw new HttpError('VALIDATION_FAILED', 'The name is missing or malformed: add ?name=…');
        return { name };
      },
      open(ws) {
        ws.subscribe(ws.params.room);
        app.publish(ws.params.room, JSON.stringify({ joined: ws.data.name }));
      },
      message(ws, data, isBinary) {
        if (isBinary) ws.close(1003, 'text only');
        else ws.publish(ws.params.room, JSON.stringify({ from: ws.data.name, text: data }));
      },
      close(ws) {
        app.publish(ws.params.room, JSON.stringify({ left: ws.data.name }));
      },
    });

    // An announcement to a chat room from any request, without a WebSocket.
    app.post('/rooms/:room/announce', async (ctx) => {
      app.publish(ctx.params.room, JSON.stringify({ announcement: await ctx.readText() }));
    });

    // A client that was disconnected reconnects after a second and continues after its last event.
    app.get('/count', (ctx) =>
      ctx.sse(async function* (lastEventId) {
        yield { retry: 1000 };
        for (let n = Number(lastEventId ?? 0) + 1; !ctx.signal.aborted; n++) {
          yield { event: 'count', id: String(n), data: { n } };
          await sleep(500, undefined, { signal: ctx.signal });
        }
      }),
    );
  },
});

export default defineConfig({ services: [chat] });
