// All statements on the notes database. Values are passed beside the text, never inside of it.

/** @typedef {import('multilane').Queryable} Queryable a database or a transaction */
/** @typedef {import('./rules.js').Note} Note */

const COLUMNS = 'id, title, text, created_at as "createdAt"';

/** @param {Queryable} db @param {{ title: string, text?: string }} note @returns {Promise<Note>} */
export const insertNote = (db, { title, text = '' }) =>
  db.one(`insert into note (title, text) values ($1, $2) returning ${COLUMNS}`, [title, text]);

/** @param {Queryable} db @param {number} id @returns {Promise<Note | undefined>} */
export const findNote = (db, id) => db.maybeOne(`select ${COLUMNS} from note where id = $1`, [id]);

/**
 * The newest notes with an id below one.
 * @param {Queryable} db @param {number} before @param {number} limit @returns {Promise<Note[]>}
 */
export const notesBefore = (db, before, limit) =>
  db.many(`select ${COLUMNS} from note where id < $1 order by id desc limit $2`, [before, limit]);

/**
 * Changes what is given, and keeps the rest.
 * @param {Queryable} db @param {number} id @param {{ title?: string, text?: string }} change
 * @returns {Promise<Note | undefined>}
 */
export const changeNote = (db, id, { title, text }) =>
  db.maybeOne(
    `update note set title = coalesce($2, title), text = coalesce($3, text) where id = $1 returning ${COLUMNS}`,
    [id, title, text],
  );

/**
 * Appends in one statement: a text that was read before could have been changed meanwhile.
 * @param {Queryable} db @param {number} id @param {string} text @returns {Promise<Note | undefined>}
 */
export const appendText = (db, id, text) =>
  db.maybeOne(`update note set text = text || $2 where id = $1 returning ${COLUMNS}`, [id, text]);

/** @param {Queryable} db @param {number} id @returns {Promise<Note | undefined>} the removed note */
export const removeNote = (db, id) =>
  db.maybeOne(`delete from note where id = $1 returning ${COLUMNS}`, [id]);
