// A Fastify application as it was before: nothing in it knows of Multilane. It exports the application instead of calling
// `app.listen({ port: 3000 })`.
import Fastify from 'fastify';

export const notesApp = Fastify();

notesApp.addHook('onRequest', async (_request, reply) => {
  reply.header('x-served-by', 'fastify');
});

notesApp.register(
  async (notes) => {
    const stored = new Map([[1, { id: 1, text: 'first' }]]); // in each worker: the README says what follows
    const params = { type: 'object', properties: { id: { type: 'integer' } } };

    notes.get('/:id', { schema: { params } }, async (request, reply) => {
      return stored.get(request.params.id) ?? reply.code(404).send({ error: 'There is no such note.' });
    });
  },
  { prefix: '/notes' },
);
