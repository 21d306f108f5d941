import { fileURLToPath } from 'node:url';
import fastifySse from '@fastify/sse';
import fastifyStatic from '@fastify/static';
import fastifyWebsocket from '@fastify/websocket';
import Fastify from 'fastify';
import { onTick } from '../shared/ticker.js';
import { addRoutes } from './routes.js';

const app = Fastify();
addRoutes(app);

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
