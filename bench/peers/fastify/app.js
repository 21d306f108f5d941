import { fileURLToPath } from 'node:url';
import fastifySse from '@fastify/sse';
import fastifyStatic from '@fastify/static';
import fastifyWebsocket from '@fastify/websocket';
import Fastify from 'fastify';
import { orderSchema } from '../shared/order-schema.js';
import { onTick } from '../shared/ticker.js';

const app = Fastify();

const respondsWith = (properties) => ({ response: { 200: { type: 'object', properties } } });
const text = { type: 'string' };
const integer = { type: 'integer' };
const searched = { q: text, page: integer };

app.get('/plaintext', (_request, reply) => reply.type('text/plain').send('Hello, World!'));

app.get('/json', { schema: respondsWith({ message: text }) }, (_request, reply) => {
  reply.send({ message: 'Hello, World!' });
});

app.get('/users/:id', { schema: respondsWith({ id: text }) }, (request, reply) => {
  reply.send({ id: request.params.id });
});

const searchSchema = { querystring: { type: 'object', properties: searched }, ...respondsWith(searched) };
app.get('/search', { schema: searchSchema }, (request, reply) => {
  const { q, page } = request.query;
  reply.send({ q, page });
});

app.post('/echo', { schema: { body: orderSchema, response: { 200: orderSchema } } }, (request, reply) => {
  reply.send(request.body);
});

// Each plugin is in a context of its own: its hooks would run for the requests of every other route as well.
await app.register(async (files) => {
  await files.register(fastifyStatic, { root: fileURLToPath(new URL('..', import.meta.url)), serve: false });
  files.get('/file.html', (_request, reply) => reply.sendFile('file.html'));
});

await app.register(async (streams) => {
  await streams.register(fastifySse);
  streams.get('/events', { sse: 'only' }, (_request, reply) => {
    reply.sse.keepAlive();
    reply.sse.sendHeaders();
    reply.sse.onClose(onTick((number) => void reply.sse.send({ data: number })));
  });
});

await app.register(async (sockets) => {
  await sockets.register(fastifyWebsocket);
  sockets.get('/ws', { websocket: true }, (socket) => {
    socket.on('message', (message, isBinary) => socket.send(message, { binary: isBinary }));
  });
});

await app.listen({ host: '127.0.0.1', port: 0 });
