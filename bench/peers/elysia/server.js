import { fileURLToPath } from 'node:url';
import { Elysia, file, sse, t } from 'elysia';
import { onEveryCore } from '../shared/reuse-port.js';
import { nextTick } from '../shared/ticker.js';

const FILE = fileURLToPath(new URL('../file.html', import.meta.url));

const Search = t.Object({ q: t.String(), page: t.Integer() });

const Order = t.Object({
  id: t.Integer(),
  name: t.String({ minLength: 1, maxLength: 100 }),
  email: t.String(),
  tags: t.Array(t.String(), { maxItems: 16 }),
  address: t.Object({ street: t.String(), city: t.String(), zip: t.String() }),
  note: t.String({ maxLength: 1000 }),
});

async function* events() {
  while (true) yield sse(String(await nextTick()));
}

const app = new Elysia()
  .get('/plaintext', 'Hello, World!')
  .get('/json', () => ({ message: 'Hello, World!' }))
  .get('/users/:id', ({ params: { id } }) => ({ id }))
  .get('/search', ({ query: { q, page } }) => ({ q, page }), { query: Search })
  .post('/echo', ({ body }) => body, { body: Order })
  .get('/file.html', file(FILE))
  .get('/events', events)
  .ws('/ws', { message: (socket, message) => void socket.send(message) });

await onEveryCore((port) => app.listen({ hostname: '127.0.0.1', port, reusePort: true }));
