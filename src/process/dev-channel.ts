// The messages between `multilane dev` and the process that it runs as a child. They travel on the channel
// that Node.js opens between the two, beside those of process/ready.ts.

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

export type DevMessage = ReloadOrder | ReloadResult;

/** Whether this process is the child of a `multilane dev`. */
export const hasDevParent = (): boolean => process.connected === true && process.argv0 === DEV_CHILD;

/** Ends this process in order when the `dev` that has started it was killed. */
export function endWithDevParent(): void {
  if (hasDevParent()) process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
}

/** Calls back for messages of one kind. */
export function onDevMessage<Kind extends DevMessage['dev']>(
  source: NodeJS.EventEmitter,
  kind: Kind,
  received: (message: Extract<DevMessage, { readonly dev: Kind }>) => void,
): void {
  source.on('message', (message: Partial<DevMessage> | null) => {
    if (message?.dev === kind) received(message as Extract<DevMessage, { readonly dev: Kind }>);
  });
}
