// The messages between `multilane dev` and the process that it runs as a child. They travel on the channel
// that Node.js opens between the two, beside those of process/ready.ts.
import type { ChildProcess } from 'node:child_process';

/**
 * The name under which `multilane dev` starts its child (`argv[0]`). Unlike a variable, it is not inherited
 * by what the child starts; unlike a channel alone, no process manager has it.
 */
export const DEV_CHILD = 'multilane-dev';

/** From `dev`: replace the workers, because the code of services has changed. */
export interface ReloadOrder {
  readonly dev: 'reload';
}

/** To `dev`: how a reload went. */
export interface ReloadResult {
  readonly dev: 'reloaded';
  /** All workers run the new code. */
  readonly isDone: boolean;
  /** Why the first new worker did not get ready; undefined where it has not reported a reason. */
  readonly failure: string | undefined;
}

/** To `dev`: a service has a database on the embedded PostgreSQL of this DATA_DIR. */
export interface PostgresRequest {
  readonly dev: 'postgres';
  readonly dataDir: string;
}

/** From `dev`: the server, which `dev` starts, keeps running and stops; or why it cannot. */
export type PostgresReply = { readonly dev: 'postgres' } & (
  | { readonly server: { readonly url: string; readonly maxConnections: number; readonly pid: number } }
  | { readonly failure: string }
);

/** The messages to `dev`. */
export type ToDev = ReloadResult | PostgresRequest;
/** The messages from `dev`. */
export type FromDev = ReloadOrder | PostgresReply;

/** Whether this process is the child of a `multilane dev`. */
export const hasDevParent = (): boolean => process.connected === true && process.argv0 === DEV_CHILD;

/** Ends this process in order when the `dev` that has started it was killed. */
export function endWithDevParent(): void {
  if (hasDevParent()) process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
}

/**
 * Calls back for messages of one kind.
 * @param source the child in `dev`, and `process` in the child
 */
export function onDevMessage<Kind extends FromDev['dev']>(
  source: NodeJS.Process,
  kind: Kind,
  received: (message: Extract<FromDev, { readonly dev: Kind }>) => void,
): void;
export function onDevMessage<Kind extends ToDev['dev']>(
  source: ChildProcess,
  kind: Kind,
  received: (message: Extract<ToDev, { readonly dev: Kind }>) => void,
): void;
export function onDevMessage(
  source: NodeJS.EventEmitter,
  kind: string,
  received: (message: never) => void,
): void {
  source.on('message', (message: Partial<FromDev | ToDev> | null) => {
    if (message?.dev === kind) received(message as never);
  });
}
