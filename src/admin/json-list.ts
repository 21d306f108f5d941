// Writes a long list as JSON in several turns of the event loop, in which connections are accepted.
import { ownTurn } from '../telemetry/pace.js';

/** Characters that are written before the thread yields to its event loop: about one millisecond. */
const PIECE_LENGTH = 32 * 1024;

/**
 * @param begin the text before the first item, which ends with `[`
 * @param items objects that may be made when they are read
 * @param end the text behind the last item, which begins with `]`
 */
export async function jsonList(begin: string, items: Iterable<object>, end: string): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let text = begin;
  let separator = '';
  for (const item of items) {
    text += separator + JSON.stringify(item);
    separator = ',';
    if (text.length < PIECE_LENGTH) continue;
    pieces.push(Buffer.from(text));
    text = '';
    await ownTurn();
  }
  return Buffer.concat([...pieces, Buffer.from(text + end)]);
}
