// A schedule as text: the threads that make the next accesses, in order. `0*3 1 x0 2*5` is three accesses of
// thread 0, one of thread 1, the death of thread 0, and five accesses of the primary, which recovers the
// permits of the dead thread.

/** The number of a thread, or -1 - n for the death of thread n. */
export type Move = number;

export const deathOf = (thread: number): Move => -1 - thread;
export const isDeath = (move: Move): boolean => move < 0;
export const threadOf = (move: Move): number => (move < 0 ? -1 - move : move);

export function formatSchedule(moves: readonly Move[]): string {
  const parts: string[] = [];
  for (let at = 0; at < moves.length; ) {
    const move = moves[at]!;
    let times = 1;
    while (moves[at + times] === move) times++;
    at += times;
    const name = isDeath(move) ? `x${threadOf(move)}` : `${move}`;
    parts.push(times === 1 ? name : `${name}*${times}`);
  }
  return parts.join(' ');
}

/** Parses a schedule. @throws SyntaxError */
export function parseSchedule(text: string): Move[] {
  return text
    .split(' ')
    .filter((part) => part !== '')
    .flatMap((part) => {
      const match = /^(x?)(\d+)(?:\*(\d+))?$/.exec(part);
      if (match === null) throw new SyntaxError(`schedule: "${part}" is no move`);
      const thread = Number(match[2]);
      return new Array<Move>(Number(match[3] ?? 1)).fill(match[1] === 'x' ? deathOf(thread) : thread);
    });
}
