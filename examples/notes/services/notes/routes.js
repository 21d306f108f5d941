import { idempotent } from 'multilane';
import { idBefore, pageOf, sameNote, unknownNote } from './rules.js';
import { ById, Merge, NewNote, Note, NoteChange, Page, PageQuery } from './schema.js';
import { appendText, changeNote, findNote, insertNote, notesBefore, removeNote } from './store.js';

/**
 * @param {import('multilane').Application} app
 * @param {import('multilane').ServiceDeps} deps
 */
export function routes(app, { db }) {
  app.get(
    '/api/notes',
    { query: PageQuery, response: { 200: Page }, summary: 'Notes, the newest first' },
    async (ctx) => {
      const { limit, cursor } = ctx.input.query;
      return pageOf(await notesBefore(db, idBefore(cursor), limit + 1), limit);
    },
  );

  // With an `Idempotency-Key`, a client that has got no response may repeat its request: note and key are
  // stored in one transaction, so there is never a second note.
  app.post(
    '/api/notes',
    { body: NewNote, response: { 201: Note }, summary: 'Write a note', rateLimit: '10/second;burst=50' },
    async (ctx) => {
      const create = async (tx) => ({ status: 201, body: await insertNote(tx, ctx.body) });
      const note = await idempotent(ctx, db, create);
      ctx.header('location', `/api/notes/${note.id}`);
      return note;
    },
  );

  app.get('/api/notes/:id', { params: ById, response: { 200: Note }, summary: 'A note' }, (ctx) =>
    orUnknown(findNote(db, ctx.input.params.id)),
  );

  app.patch(
    '/api/notes/:id',
    { params: ById, body: NoteChange, response: { 200: Note }, summary: 'Change a note' },
    (ctx) => orUnknown(changeNote(db, ctx.input.params.id, ctx.body)),
  );

  app.delete('/api/notes/:id', { params: ById, summary: 'Remove a note' }, async (ctx) => {
    await orUnknown(removeNote(db, ctx.input.params.id));
  });

  // One note is removed and another one changed, or neither: a thrown error rolls the transaction back.
  app.post(
    '/api/notes/:id/merge',
    { params: ById, body: Merge, response: { 200: Note }, summary: 'Append another note, and remove it' },
    (ctx) => {
      const { id } = ctx.input.params;
      const { from } = ctx.body;
      if (from === id) throw sameNote();
      return db.transaction(async (tx) => {
        const other = await orUnknown(removeNote(tx, from));
        return orUnknown(appendText(tx, id, `\n${other.text}`));
      });
    },
  );
}

/** @template T @param {Promise<T | undefined>} found @returns {Promise<T>} */
async function orUnknown(found) {
  const note = await found;
  if (note === undefined) throw unknownNote();
  return note;
}
