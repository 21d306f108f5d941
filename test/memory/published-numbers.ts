// A state that is published and read: a number, which grows by one with each change. A line has the number
// and is padded; a snapshot says it too.
import type { Area } from '#src/memory/area.js';
import { SnapshotLog } from '#src/memory/snapshot-log.js';

/** The shortest line. */
export const SEPARATE = 20;

const line = (kind: 'S' | 'C', number: number, length: number): string =>
  `${kind}${number} `.padEnd(length, String(number % 10)).concat('\n');

export class Writer {
  state = 0;
  snapshots = 0;
  readonly #log: SnapshotLog;
  readonly #length: number;

  /** @param length of a snapshot */
  constructor(area: Area, length: number) {
    this.#log = new SnapshotLog(area);
    this.#length = length;
  }

  /** @returns the bytes of the change */
  publish(length: number): number {
    this.state += 1;
    const change = line('C', this.state, length);
    this.#log.publish(change, () => {
      this.snapshots += 1;
      return line('S', this.state, this.#length);
    });
    return change.length;
  }
}

/**
 * @param state undefined before anything was read
 * @returns the state after the lines
 * @throws Error for a line that is torn, and for one that does not follow
 */
export function applied(state: number | undefined, text: string): number {
  let known = state;
  for (const one of text.split('\n')) {
    if (one === '') continue;
    const [, kind, digits, padding] = /^([SC])(\d+) (\d*)$/.exec(one) ?? [];
    const number = Number(digits);
    if (kind === undefined || padding !== String(number % 10).repeat(padding!.length))
      throw new Error(`a torn line: ${one.slice(0, 40)}`);
    // A snapshot has the changes that follow it already.
    const follows =
      kind === 'S' ? known === undefined : number === known! + 1 || (state === undefined && number === known);
    if (!follows) throw new Error(`${kind}${number} does not follow ${known}`);
    known = number;
  }
  return known ?? 0;
}
