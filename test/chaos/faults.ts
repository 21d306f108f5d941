// Carries out each kind of fault, and defines the result that its own request must have.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster } from '#test/support/cluster.js';
import { CORE } from '#test/support/core.js';
import { Wire } from '#test/support/wire.js';
import type { Account } from './account.js';
import { Connection } from './connection.js';
import type { Fault, Kind } from './plan.js';
import { AFTERMATH_MS, type Attempt } from './verdict.js';

interface Own {
  readonly path: string;
  readonly ends: (attempt: Attempt) => boolean;
  /** How other requests of its worker may be affected: the fault runs behind an await, or ends the thread. */
  readonly blast?: 'behind await' | 'thread ends';
  readonly times?: number;
}

const is200 = ({ status }: Attempt): boolean => status === 200;
const isProblem =
  (wanted: string) =>
  ({ code }: Attempt): boolean =>
    code === wanted;

/** The results of work that ends by itself, possibly while it is being interrupted. */
const either = (attempt: Attempt): boolean => is200(attempt) || isProblem('HANDLER_STALLED')(attempt);

/** The core `node` lets a thread be terminated that is stalled in native code. */
const NATIVE_STALL: Readonly<Record<typeof CORE, Own>> = {
  uws: { path: '/native', ends: either },
  node: {
    path: '/native',
    ends: (attempt) => either(attempt) || (attempt.status === 0 && attempt.code === 'closed'),
    blast: 'thread ends',
  },
};

/** The request that causes the fault. */
const OWN: Partial<Record<Kind, Own>> = {
  // This request gets no response, because its worker ends.
  'uncaught exception': { path: '/uncaught', ends: isProblem('DEADLINE_EXCEEDED') },
  'unhandled rejection': { path: '/rejection', ends: is200 },
  'process.exit()': { path: '/exit', ends: isProblem('INTERNAL') },
  loop: { path: '/loop', ends: isProblem('HANDLER_STALLED') },
  'loop behind await': { path: '/loop/await', ends: isProblem('HANDLER_STALLED'), blast: 'behind await' },
  'loop in regex': { path: '/loop/regex', ends: isProblem('HANDLER_STALLED') },
  'loop in timer': { path: '/loop/timer', ends: isProblem('HANDLER_STALLED'), blast: 'behind await' },
  'long work': { path: '/busy', ends: either, blast: 'behind await' },
  'native stall': NATIVE_STALL[CORE],
  // The time to fill a heap depends on the machine: on a slow one it may count as a stall.
  'heap growth': { path: '/leak', ends: either, times: 3 },
};

/** Carries out a fault. Resolves when the fault itself is over; the cluster may still be recovering. */
export async function commit(fault: Fault, cluster: Cluster, account: Account): Promise<void> {
  const own = OWN[fault.kind];
  if (own !== undefined) return ask(own, fault, cluster, account);
  if (fault.kind === 'SIGHUP') cluster.signal('SIGHUP');
  else if (fault.kind === 'reload') await reload(cluster);
  else await cut(fault.size, cluster);
}

async function ask(own: Own, { kind, size }: Fault, cluster: Cluster, account: Account): Promise<void> {
  const connection = await open(kind, cluster, account);
  if (connection === undefined) return;
  for (let time = 0; time < (own.times ?? 1) && !connection.isOver; time += 1) {
    const blast =
      own.blast === undefined ? undefined : account.blast(connection.thread!, own.blast === 'thread ends');
    const attempt = await connection.ask({ path: size === 0 ? own.path : `${own.path}/${size}` });
    if (blast !== undefined) blast.to = attempt.endedAt + AFTERMATH_MS;
    if (own.ends(attempt)) account.count('the fault itself');
    else account.judge(kind, attempt);
  }
  connection.destroy();
}

/**
 * Opens a connection for a fault. A connection stays with its worker, so a first response shows which worker
 * will be affected. A worker with more connections than others asks the client in that response to close, and
 * then another connection is opened.
 * @returns undefined when no connection can be opened
 */
async function open(kind: Kind, { url }: Cluster, account: Account): Promise<Connection | undefined> {
  for (;;) {
    const connection = await Connection.open(url);
    if (!(connection instanceof Connection)) {
      account.judge(`connect for ${kind}`, connection);
      return;
    }
    account.judge(`GET /now before ${kind}`, await connection.ask({ path: '/now' }));
    if (!connection.isOver) return connection;
    connection.destroy();
  }
}

/** @throws Error unless the reload begins, or is refused because another one is in progress */
async function reload(cluster: Cluster): Promise<void> {
  const response = await fetch(`${cluster.adminUrl}/workers/reload`, { method: 'POST' });
  await response.arrayBuffer();
  if (response.status !== 202 && response.status !== 409) throw new Error(`reload: ${response.status}`);
}

const HALF_HEAD = 'GET /now HTTP/1.1\r\nHost: te';
const WHOLE = 'GET /soon/20 HTTP/1.1\r\nHost: test\r\n\r\n';
const HALF_BODY =
  'POST /echo HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{"a":';

/** Clients that disconnect in the middle of a request. The outcome of their requests is not observed. */
async function cut(connections: number, { url }: Cluster): Promise<void> {
  const one = async (index: number): Promise<void> => {
    const wire = await Wire.open(url);
    wire.write([HALF_HEAD, WHOLE, HALF_BODY][index % 3]!);
    await sleep(index % 20);
    wire.destroy();
  };
  await Promise.all(Array.from({ length: connections }, (_, index) => one(index)));
}
