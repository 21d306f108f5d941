// Reads the page until it has met many versions; a text of more than one letter was torn.
import { parentPort, workerData } from 'node:worker_threads';
import { Block } from '#src/memory/block.js';
import { TextPage } from '#src/memory/text-page.js';

const page = new TextPage(Block.attach((workerData as { memory: SharedArrayBuffer }).memory));
const versions = new Set<number>();
let torn = 0;
while (versions.size < 200) {
  const { version, text } = page.read();
  versions.add(version);
  if (text !== text.charAt(0).repeat(text.length) || text.length < 64) torn++;
}
parentPort?.postMessage({ torn, seen: versions.size });
