/** What one at a time may have. */
export class Turn {
  #isTaken = false;

  /** @returns false when another has it */
  take(): boolean {
    if (this.#isTaken) return false;
    this.#isTaken = true;
    return true;
  }

  leave(): void {
    this.#isTaken = false;
  }
}
