// Entry of the process in which `multilane bench` runs autocannon. When a connection fails at once,
// autocannon connects again before it returns to the event loop, so its own timers and signals may never be
// handled. The command, which is another process, can end it all the same.
import { pathToFileURL } from 'node:url';
import type { AutocannonResult, LoadMessage, LoadOptions } from './load-messages.js';

interface Client {
  once(event: 'response', listener: () => void): void;
  on(event: 'request' | 'response' | 'connError' | 'timeout', listener: () => void): void;
  /** `shouldKeepAlive` is false for a response behind which the server closes the connection. */
  on(event: 'headers', listener: (head: { readonly shouldKeepAlive?: boolean }) => void): void;
}

interface Instance extends PromiseLike<AutocannonResult> {
  on(event: 'tick', listener: (tick: { readonly counter: number; readonly bytes: number }) => void): void;
  on(event: 'reqError', listener: (error: NodeJS.ErrnoException) => void): void;
  stop(): void;
}

type Autocannon = (options: LoadOptions & { setupClient(client: Client): void }) => Instance;

const send = (message: LoadMessage): void => void process.send?.(message);

async function run(autocannon: Autocannon, options: LoadOptions): Promise<void> {
  const { connections, pipelining } = options;
  let silent = connections;
  /** Requests that were sent and have come to no end that autocannon reports. */
  let open = 0;
  const setupClient = (client: Client): void => {
    client.once('response', () => (silent -= 1));
    client.on('request', () => (open += 1));
    client.on('response', () => (open -= 1));
    client.on('connError', () => (open -= pipelining));
    // It is emitted for each request in flight.
    client.on('timeout', () => (open -= 1));
    // Autocannon sends further requests before it sees the end that was announced.
    client.on('headers', ({ shouldKeepAlive }) => {
      if (shouldKeepAlive === false) open -= pipelining;
    });
  };
  const instance = autocannon({ ...options, setupClient });
  process.on('message', () => instance.stop());
  const errorCodes = countErrors(instance, connections, pipelining);
  instance.on('tick', ({ counter, bytes }) =>
    send({ kind: 'tick', responses: counter, bytes, errorCodes: errorCodes() }),
  );
  const result = await instance;
  // At the end each connection has requests in flight.
  const closed = Math.max(0, Math.ceil(open / pipelining) - connections);
  send({ kind: 'result', result, errorCodes: errorCodes(), closed, silent });
}

/** @returns a function with the counts so far */
function countErrors(
  instance: Instance,
  connections: number,
  pipelining: number,
): () => Record<string, number> {
  /** More errors than connections can have in one turn of the event loop, even if all fail several times. */
  const mostInTurn = (10 * connections + 1_000) * pipelining;
  const counts = new Map<string, number>();
  let inTurn = 0;
  // The event is emitted for each request in flight on a connection that fails.
  const errorCodes = (): Record<string, number> =>
    Object.fromEntries([...counts].map(([code, count]) => [code, Math.ceil(count / pipelining)]));
  instance.on('reqError', ({ code }) => {
    if (code === undefined) return;
    if (inTurn === 0) setImmediate(() => (inTurn = 0));
    inTurn += 1;
    const count = (counts.get(code) ?? 0) + 1;
    counts.set(code, count);
    if (count === 1) send({ kind: 'errors', errorCodes: errorCodes() });
    if (inTurn === mostInTurn) send({ kind: 'looping', code, errorCodes: errorCodes() });
  });
  return errorCodes;
}

// Ctrl-C on a terminal reaches this process too; the command tells it when to stop.
process.on('SIGINT', () => undefined);
process.once('disconnect', () => process.exit(0));
try {
  const { default: autocannon } = (await import(pathToFileURL(process.argv[2]!).href)) as {
    default: Autocannon;
  };
  process.once('message', (options) => {
    run(autocannon, options as LoadOptions).catch((error: unknown) => send({ kind: 'failed', error }));
  });
  send({ kind: 'loaded' });
} catch (error) {
  send({ kind: 'failed', error });
}
