// All statements on the links database.
import type { Queryable } from 'multilane';
import { newCode } from './code.ts';
import type { Link, NewLink } from './schema.ts';

const COLUMNS = 'code, target, visits';

/** One link for each target: the same target has the same code again. */
export const saveLink = (db: Queryable, { target }: NewLink): Promise<Link> =>
  db.one<Link>(
    `insert into link (code, target) values ($1, $2)
     on conflict (target) do update set target = excluded.target returning ${COLUMNS}`,
    [newCode(), target],
  );

export const findLink = (db: Queryable, code: string): Promise<Link | undefined> =>
  db.maybeOne<Link>(`select ${COLUMNS} from link where code = $1`, [code]);

/** Counts a visit, and returns the link. */
export const visitLink = (db: Queryable, code: string): Promise<Link | undefined> =>
  db.maybeOne<Link>(`update link set visits = visits + 1 where code = $1 returning ${COLUMNS}`, [code]);
