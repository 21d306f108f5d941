// The Hono application. It is made once in every worker, so it keeps nothing that a request may change: that belongs into
// a database.
import { Hono } from 'hono';
import { cors } from 'hono/cors';
import { HTTPException } from 'hono/http-exception';
import { timing } from 'hono/timing';

const BOOKS = [
  { isbn: '9780131103627', title: 'The C Programming Language', year: 1988 },
  { isbn: '9780262510875', title: 'Structure and Interpretation of Computer Programs', year: 1996 },
  { isbn: '9780201896831', title: 'The Art of Computer Programming', year: 1997 },
];

/** @param {import('multilane').Call} call */
export function booksApp(call) {
  const app = new Hono();
  app.use(timing());
  app.use(cors({ origin: 'https://library.example' }));

  // The prefix is stripped: the application knows `/`, and the client `/books`.
  app.get('/', (c) => {
    const since = Number(c.req.query('since') ?? 0);
    if (!Number.isInteger(since)) throw new HTTPException(400, { message: 'since has to be a year' });
    return c.json(BOOKS.filter(({ year }) => year >= since));
  });

  app.get('/:isbn{[0-9]{13}}', async (c) => {
    const book = BOOKS.find(({ isbn }) => isbn === c.req.param('isbn'));
    if (book === undefined) return c.notFound();
    // `c.env` is the context of Multilane. Its deadline, trace and cancellation go along with the call.
    const response = await call('stock').get(`/stock/${book.isbn}`);
    return c.json({ ...book, ...response.json(), requestId: c.env.requestId });
  });

  app.notFound((c) => c.json({ error: 'There is no such book.' }, 404));
  app.onError((error, c) => {
    if (error instanceof HTTPException) return c.json({ error: error.message }, error.status);
    // Multilane makes a problem document of it, and logs it.
    throw error;
  });
  return app;
}
