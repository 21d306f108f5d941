// Sessions with the PostgreSQL of a registry that several processes share.
import { LimitedClient } from '../db/limited-client.js';
import { addressOf } from '../db/server-url.js';
import { ConfigError } from '../errors.js';
import type { OpenSession } from '../registry/backends/postgres-backend.js';

/** A server that takes longer for a statement is taken for one that cannot be reached. */
const RESPONSE_TIMEOUT_MS = 5_000;
/** A process does not wait longer for the registry when it starts. */
const CONNECT_TIMEOUT_MS = 2_000;

const PID = 'SELECT pg_backend_pid() AS pid';

export function registrySessions(url: string): OpenSession {
  return (heard, lost) => {
    const client = new LimitedClient(url, {
      applicationName: 'multilane registry',
      responseTimeoutMs: RESPONSE_TIMEOUT_MS,
      onLost: lost,
    });
    client.session.on('notification', ({ channel, payload = '' }) => heard(channel, payload));
    return client;
  };
}

/**
 * Checks that sessions are kept: notifications come to a session, and behind a pooler that shares them by
 * transactions they would be lost. A server that cannot be reached now is not checked.
 * @throws ConfigError
 */
export async function requireSessions(url: string): Promise<void> {
  const options = { applicationName: 'multilane registry', connectTimeoutMs: CONNECT_TIMEOUT_MS };
  const [first, second] = [new LimitedClient(url, options), new LimitedClient(url, options)];
  let keepsSessions: boolean;
  try {
    await first.connect();
    await second.connect();
    const before = await pidOf(first);
    // A pooler would give the session of the first one to the second, which keeps it for the transaction; or
    // it admits no transaction at all.
    const hasBegun = await second.query('BEGIN').then(() => true, isRefused);
    keepsSessions = hasBegun && before !== (await pidOf(second)) && before === (await pidOf(first));
  } catch {
    return;
  } finally {
    await Promise.all([first.end(), second.end()]);
  }
  if (!keepsSessions)
    throw new ConfigError(
      `REGISTRY: ${addressOf(url)} is a pooler that keeps no sessions (PgBouncer: pool_mode transaction or statement), ` +
        'in which notifications are lost; use the server itself, or pool_mode session',
    );
}

const pidOf = async (client: LimitedClient): Promise<unknown> => (await client.query(PID)).rows[0]?.pid;

/** @returns false for an error of the server, which has a code of five characters @throws any other */
function isRefused(error: unknown): false {
  const { code } = error as { readonly code?: unknown };
  if (typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code)) return false;
  throw error;
}
