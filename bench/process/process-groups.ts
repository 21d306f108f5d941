// The process groups that end with this process. Children of a harness that has failed must not go on.
import type { ChildProcess } from 'node:child_process';

export class ProcessGroups {
  readonly #children = new Set<ChildProcess>();
  readonly #killAll = (): void => {
    for (const child of this.#children) killGroup(child);
  };

  /**
   * Ends the group of a child with this process, whether that ends by a throw or by `process.exit()`, unless
   * the child has ended before. All children share one listener of `exit`.
   */
  add(child: ChildProcess): void {
    if (child.pid === undefined) return; // It could not be started.
    if (this.#children.size === 0) process.on('exit', this.#killAll);
    this.#children.add(child);
    child.once('exit', () => this.#remove(child));
  }

  #remove(child: ChildProcess): void {
    if (this.#children.delete(child) && this.#children.size === 0) process.off('exit', this.#killAll);
  }
}

/** Ends all processes of the group that a child leads. */
export function killGroup({ pid }: Pick<ChildProcess, 'pid'>): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // The group is empty.
  }
}
