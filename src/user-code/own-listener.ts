// Finds a module that listens on a port while it is loaded, as `app.listen(3000)` of Express does.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';

/** Node.js publishes here within a call of `listen`, so the stack shows that call. */
const LISTEN = 'tracing:net.server.listen:asyncStart';

export const REMOVE_LISTEN =
  'Remove the call of `listen`: the process listens by itself, on `port` of defineConfig or PORT.';

/** A port that only one thread can have: not one that the kernel chooses, nor one that is shared. */
const isFixed = ({ port, reusePort }: { readonly port?: unknown; readonly reusePort?: unknown }): boolean =>
  Number(port) > 0 && reusePort !== true;

/**
 * Watches the thread for listeners on a fixed port. Every thread of the process loads the modules of a
 * project, so the next thread cannot listen there.
 * @returns a function that ends the watch. It returns an error whose stack shows the first such call
 */
export function watchListeners(): () => Error | undefined {
  let first: Error | undefined;
  const begins = (message: unknown): void => {
    const { options } = message as { readonly options: { readonly port?: unknown } };
    if (!isFixed(options)) return;
    first ??= new Error(
      `it listens on port ${String(options.port)} by itself, which the next thread that loads it cannot do`,
    );
  };
  subscribe(LISTEN, begins);
  return () => {
    unsubscribe(LISTEN, begins);
    return first;
  };
}
