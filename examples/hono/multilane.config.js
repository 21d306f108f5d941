// A Hono application beside native routes: one line mounts it, and it keeps its own routes and middleware.
import { defineConfig, defineService } from 'multilane';
import { booksApp } from './books-app.js';

const library = defineService({
  name: 'library',
  routes(app, { call }) {
    // What stands here holds for every request of the application: its clients are limited, responses begin within two
    // seconds, and metrics, logs and traces know its requests by `/books/*`.
    app.mount('/books', { rateLimit: '20/second', timeoutMs: 2000 }, booksApp(call));

    // A native route wins over the application where both match.
    app.get('/books/about', () => ({ servedBy: 'a native route' }));
  },
});

/** Another service of the process. The application calls it by its name, without a socket. */
const stock = defineService({
  name: 'stock',
  routes(app) {
    app.get('/stock/:isbn', (ctx) => ({ copies: Number(ctx.params.isbn) % 4 }));
  },
});

export default defineConfig({ services: [library, stock] });
