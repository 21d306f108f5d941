// The routes of this peer that need no plugin. app.js listens with them and others; the bench project of
// Multilane mounts an application that has these alone.
import { orderSchema } from '../shared/order-schema.js';

const respondsWith = (properties) => ({ response: { 200: { type: 'object', properties } } });
const text = { type: 'string' };
const integer = { type: 'integer' };
const searched = { q: text, page: integer };
const searchSchema = { querystring: { type: 'object', properties: searched }, ...respondsWith(searched) };

/** @param {import('fastify').FastifyInstance} app */
export function addRoutes(app) {
  app.get('/plaintext', (_request, reply) => reply.type('text/plain').send('Hello, World!'));

  app.get('/json', { schema: respondsWith({ message: text }) }, (_request, reply) => {
    reply.send({ message: 'Hello, World!' });
  });

  app.get('/users/:id', { schema: respondsWith({ id: text }) }, (request, reply) => {
    reply.send({ id: request.params.id });
  });

  app.get('/search', { schema: searchSchema }, (request, reply) => {
    const { q, page } = request.query;
    reply.send({ q, page });
  });

  app.post('/echo', { schema: { body: orderSchema, response: { 200: orderSchema } } }, (request, reply) => {
    reply.send(request.body);
  });
}
