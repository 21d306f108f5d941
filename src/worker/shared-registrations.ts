// The settings under which this worker has registered what its services share by name. All workers must use
// the same settings, because they use the same rows of shared memory.

export class SharedRegistrations {
  readonly #isReplacement: boolean;
  readonly #registered = new Map<string, string>();

  /** @param isReplacement the worker runs newer code than the workers before it, so its settings win */
  constructor(isReplacement: boolean) {
    this.#isReplacement = isReplacement;
  }

  /**
   * Registers settings. Two registrations in this worker must be equal, whatever its generation.
   * @param agree compares the settings with those in shared memory, or replaces these where `mayReplace`
   *   allows it; returns false when they differ
   * @throws TypeError when other settings are registered already
   */
  register(
    what: string,
    settings: readonly number[],
    agree: (settings: readonly number[], mayReplace: boolean) => boolean,
  ): void {
    const text = settings.join();
    const before = this.#registered.get(what);
    if (before === undefined ? !agree(settings, this.#isReplacement) : before !== text) {
      throw new TypeError(`${what} is registered with other options already`);
    }
    this.#registered.set(what, text);
  }
}
