// An application with the routes of bench/peers/fastify, mounted. It runs on the core of node:http.
import fastify, { type FastifyInstance } from 'fastify';
import { defineConfig, defineService } from 'multilane';

/** The file is that of the peer, so both serve the same application. */
const routes = (await import(process.env.FASTIFY_ROUTES!)) as { addRoutes(app: FastifyInstance): void };

const app = fastify();
routes.addRoutes(app);

const bench = defineService({
  name: 'bench',
  routes(multilane) {
    multilane.mountNode('/', app);
  },
});

export default defineConfig({ services: [bench] });
