// All statements on the travel database.

/** @typedef {import('multilane').Queryable} Queryable */
/** @typedef {import('./rules.js').Kind} Kind */
/** @typedef {import('./rules.js').Trip} Trip */

/**
 * Books one place; undefined when none is left or the destination is unknown.
 * @param {Queryable} db @param {Kind} kind @param {Trip} trip @returns {Promise<{ id: number } | undefined>}
 */
export const book = (db, kind, { traveller, destination }) =>
  db.maybeOne(
    `with taken as (
       update inventory set places = places - 1
       where kind = $1 and destination = $2 and places > 0 returning kind, destination
     )
     insert into booking (kind, destination, traveller) select kind, destination, $3 from taken returning id`,
    [kind, destination, traveller],
  );

/**
 * Cancels a booking, which makes its place available again.
 * @param {Queryable} db @param {number} id
 */
export const unbook = (db, id) =>
  db.query(
    `with gone as (delete from booking where id = $1 returning kind, destination)
     update inventory i set places = places + 1 from gone
     where i.kind = gone.kind and i.destination = gone.destination`,
    [id],
  );

/** @param {Queryable} db */
export const inventory = (db) =>
  db.many('select kind, destination, places from inventory order by destination, kind');
