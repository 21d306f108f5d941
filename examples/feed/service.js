// The feed service. Entries are stored, so a client that was disconnected misses none: it sends the id of its last event.
import { readFileSync } from 'node:fs';
import { defineService, Type } from 'multilane';
import { NewEntries } from './new-entries.js';
import { entriesAfter, insertEntry, lastId } from './store.js';

const page = readFileSync(new URL('./page.html', import.meta.url), 'utf8');

const NewEntry = Type.Object({
  text: Type.String({ minLength: 1, maxLength: 500, pattern: '^[^\\u0000]+$' }),
});
const Entry = Type.Object({ id: Type.Integer(), text: Type.String() });

export const feed = defineService({
  name: 'feed',
  migrations: new URL('./migrations/', import.meta.url),
  routes(app, { db, log }) {
    const news = new NewEntries(() => lastId(db), log);

    app.get('/', (ctx) => ctx.html(page));

    app.post(
      '/entries',
      { body: NewEntry, response: { 201: Entry }, summary: 'Add an entry' },
      async (ctx) => {
        const entry = await insertEntry(db, ctx.body.text);
        news.wake(entry.id);
        ctx.status(201);
        return entry;
      },
    );

    // A browser connects again by itself, after a second here, and sends `Last-Event-ID`. Without one the feed begins with
    // the next entry.
    app.get('/feed', { summary: 'Entries as events' }, (ctx) =>
      ctx.sse(async function* (lastEventId) {
        yield { retry: 1000 };
        let last = /^\d{1,15}$/.test(lastEventId ?? '') ? Number(lastEventId) : await lastId(db);
        for (;;) {
          for (const entry of await entriesAfter(db, last)) {
            yield { event: 'entry', id: String(entry.id), data: entry };
            last = entry.id;
          }
          await news.after(last, ctx.signal);
        }
      }),
    );
  },
});
