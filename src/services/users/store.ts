// All statements on the users database.
import type { Queryable } from 'multilane';
import type { NewUser, User } from './schema.js';

interface UserRow {
  readonly id: number;
  readonly name: string;
  readonly email: string;
  readonly created_at: Date;
}

const COLUMNS = 'id, name, email, created_at';

const toUser = (row: UserRow): User => ({
  id: row.id,
  name: row.name,
  email: row.email,
  createdAt: row.created_at.toISOString(),
});

/** Undefined when the e-mail address is taken. No error, so that a transaction around it stays usable. */
export async function insertUser(db: Queryable, user: NewUser): Promise<User | undefined> {
  const row = await db.maybeOne<UserRow>(
    `insert into users (name, email) values ($1, $2) on conflict (lower(email)) do nothing returning ${COLUMNS}`,
    [user.name, user.email],
  );
  return row && toUser(row);
}

export async function findUser(db: Queryable, id: number): Promise<User | undefined> {
  const row = await db.maybeOne<UserRow>(`select ${COLUMNS} from users where id = $1`, [id]);
  return row && toUser(row);
}

export async function deleteUser(db: Queryable, id: number): Promise<void> {
  await db.query('delete from users where id = $1', [id]);
}
