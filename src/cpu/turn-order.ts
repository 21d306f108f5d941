// Chooses whose turn it is among parties that share something. Each party has an account of what it has been
// charged, and the party with the lowest account is next. So in the long run parties that always have work
// get equal amounts of what is charged (start-time fair queueing, Goyal, Vin and Cheng 1996).

export interface Party {
  /** What the party has been charged; only the queue changes it. */
  charged: number;
}

export class TurnOrder<P extends Party> {
  #now = 0;

  /** The account of the party that was chosen last: the virtual time of the paper. */
  get now(): number {
    return this.#now;
  }

  /**
   * A party begins to compete. It gets no advantage from the time in which it had no work: its account is
   * raised to that of the party that was chosen last.
   */
  join(party: P): void {
    party.charged = Math.max(party.charged, this.#now);
  }

  /** Returns the party that is next; undefined when there is none. Of equal ones it is the first. */
  next(parties: Iterable<P>): P | undefined {
    let next: P | undefined;
    for (const party of parties) if (next === undefined || party.charged < next.charged) next = party;
    if (next !== undefined) this.chosen(next);
    return next;
  }

  /** A party was chosen without a choice, because no other competed. */
  chosen(party: P): void {
    this.#now = Math.max(this.#now, party.charged);
  }
}
