// All statements on the feed database.

/** @typedef {import('multilane').Queryable} Queryable */
/** @typedef {{ id: number, text: string }} Entry */

/**
 * Adds an entry. The row of `feed` gives it its id, and stays locked until both are committed. So entries appear in the order
 * of their ids, and a client that has seen one has seen all before it. (Ids of a sequence may be committed in another order.)
 * @param {Queryable} db @param {string} text @returns {Promise<Entry>}
 */
export const insertEntry = (db, text) =>
  db.one(
    `with next as (update feed set last_id = last_id + 1 returning last_id)
     insert into entry (id, text) select last_id, $1 from next returning id, text`,
    [text],
  );

/** @param {Queryable} db @param {number} id @returns {Promise<Entry[]>} the next 100 at most */
export const entriesAfter = (db, id) =>
  db.many('select id, text from entry where id > $1 order by id limit 100', [id]);

/** @param {Queryable} db @returns {Promise<number>} the id of the newest entry, 0 before the first one */
export const lastId = async (db) => (await db.one('select last_id from feed')).last_id;
