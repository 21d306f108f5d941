// Numbers in the docs must equal the constants of the code. A constant is read from the compiled
// module: most belong to one module alone and are not exported.
import { readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { expect } from 'chai';
import { AdminConnections } from '#src/admin/admin-connections.js';
import { rowsFor } from '#src/cluster/worker-rows.js';
import { PROCESS_SETTINGS } from '#src/config/table.js';
import { WRITE_EVERY_MS } from '#src/flight-record/flight-record.js';
import { FILE_BYTES } from '#src/flight-record/frames.js';
import { ADDRESS_WORDS, RATE_BUCKETS } from '#src/memory/layout.js';
import { plan } from '#src/memory/placement.js';
import { SpanMemory } from '#src/memory/span-ring.js';
import { CALLS } from './promises/calls.js';
import { MEMORY } from './promises/memory.js';
import { OBSERVATION } from './promises/observation.js';
import { OPERATIONS } from './promises/operations.js';
import { PROCESS } from './promises/process.js';
import { KIB, type Promised, SECOND } from './promises/promise.js';
import { REQUESTS } from './promises/requests.js';
import { SECURITY } from './promises/security.js';

const PROMISES = [...REQUESTS, ...SECURITY, ...CALLS, ...PROCESS, ...MEMORY, ...OPERATIONS, ...OBSERVATION];

/** @throws Error when the page does not have these words with a number */
function numberOnPage({ page, words }: Promised): number {
  const text = readFileSync(page, 'utf8').replaceAll(/\s+/g, ' ');
  const [before = '', after = ''] = words.split('#').map(escaped);
  const found = new RegExp(`${before}([\\d,]+|${NUMERALS.join('|')})${after}`).exec(text)?.[1];
  if (found === undefined) throw new Error(`${page} does not say "${words}"`);
  const numeral = NUMERALS.indexOf(found);
  return numeral === -1 ? Number(found.replaceAll(',', '')) : numeral;
}

const NUMERALS = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten'];

const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** @throws Error when the constant is not a product of numbers in the module */
function numberInCode({ module, constant }: Promised): number {
  // The dashboard is one bundle, in which constants have other names.
  const isPage = module.startsWith('dashboard/');
  const text = readFileSync(isPage ? module : `dist/${module}.js`, 'utf8');
  const value =
    new RegExp(`\\b${constant}\\s*[=:]\\s*'?([\\d_. *]+?)'?\\s*[;,}]`).exec(text)?.[1] ??
    valueInList(text, constant);
  if (value === undefined) throw new Error(`${module} has no constant ${constant}`);
  return value.split('*').reduce((product, factor) => product * Number(factor.replaceAll('_', '')), 1);
}

/** The value of a constant in a declaration like `const [A, B] = [1, 2]`. */
function valueInList(text: string, constant: string): string | undefined {
  const [, names = '', values = ''] =
    new RegExp(`\\[([^\\[\\]]*\\b${constant}\\b[^\\[\\]]*)\\]\\s*=\\s*\\[([\\d_ *,]+)\\]`).exec(text) ?? [];
  return values.split(',')[names.split(',').findIndex((name) => name.trim() === constant)];
}

describe('numbers that the docs promise', () => {
  for (const one of PROMISES) {
    const { page, words, unit = 1 } = one;
    it(`are those of the code: ${page}, "${words}"`, () => {
      expect(numberInCode(one)).to.be.closeTo(numberOnPage(one) * unit, 1e-9);
    });
  }

  it('are those of the code: how often a heartbeat is looked at, and the largest WORKERS', () => {
    const page = 'docs/scaling.md';
    const number = (words: string): number => numberOnPage({ page, words, module: '', constant: '' });
    const look: Promised = { page, words: '', module: 'cluster/stall-ladder', constant: 'CALM_LOOK_MS' };
    expect(SECOND / number('each worker # times a second')).to.equal(numberInCode(look));
    const most = number('has room for # workers');
    expect(PROCESS_SETTINGS.WORKERS.kind.parse(`${most}`)).to.equal(most);
    expect(PROCESS_SETTINGS.WORKERS.kind.parse(`${most + 1}`)).to.equal(undefined);
  });

  it('are those of the code: how many event streams the admin plane has', () => {
    const number = (words: string): number =>
      numberOnPage({ page: 'SECURITY.md', words, module: '', constant: '' });
    const most = number('# connections in all');
    const connections = new AdminConnections({ most: () => most, evicted() {} });
    const open = { stream: 0, process: 0 };
    for (const kind of ['stream', 'process'] as const) {
      for (; connections.hasRoomFor(kind); open[kind] += 1) {
        const socket = new Socket();
        connections.add(socket);
        connections.move(socket, kind);
      }
    }
    expect(number('event streams open | # of clients')).to.equal(open.stream);
    expect(number('of clients, and # with those of')).to.equal(open.stream + open.process);
    expect(open.stream / most, 'docs/admin-json.md').to.equal(3 / 8);
  });

  it('are those of the code: the bytes of a ring of spans', () => {
    const page = 'docs/observability.md';
    const number = (words: string): number => numberOnPage({ page, words, module: '', constant: '' });
    const kib = (workers: number): number => {
      const { byteLength } = new SpanMemory(rowsFor(workers)).of(1);
      return Math.floor(byteLength / KIB);
    };
    for (const [bytes, workers] of [
      [number('A ring has # KiB with'), number('KiB with up to # workers')],
      [number('workers, # KiB with up to'), number('128 KiB with up to #, and')],
    ] as const) {
      expect(kib(workers), `${workers} workers`).to.equal(bytes);
      expect(kib(workers + 1), `${workers + 1} workers`).to.equal(bytes / 2);
    }
    expect(kib(256)).to.equal(number('down to # KiB'));
  });

  it('are those of the code: how often the flight record is written, and how large its files are', () => {
    const number = (page: string, words: string): number =>
      numberOnPage({ page, words, module: '', constant: '' });
    const inCode = (module: string, constant: string): number =>
      numberInCode({ page: '', words: '', module: `flight-record/${module}`, constant });
    const page = 'docs/cluster.md';
    expect(SECOND / number(page, 'So # times a second the primary writes')).to.equal(WRITE_EVERY_MS);
    expect(readFileSync(page, 'utf8')).to.contain('once a second while the same requests');
    expect(inCode('flight-record', 'SAME_EVERY_MS')).to.equal(SECOND);
    const youngest = number(page, 'one that was in flight for # ms at the last write');
    expect(youngest).to.equal(inCode('found-file', 'LEAST_MS') - inCode('found-file', 'UNSEEN_MS'));
    expect(number(page, 'A file has at most # KiB') * KIB).to.equal(FILE_BYTES);
    const files = inCode('make-room', 'KEPT') + 1;
    expect(number(page, 'and there are at most #: that of')).to.equal(files);
    const most = number('docs/contract.md', 'files 0600, <= # MiB)') * KIB * KIB;
    expect(files * FILE_BYTES).to.be.below(most);
  });

  it('are those of the layout: what the block and a slot of it take', () => {
    const page = 'docs/shared-memory.md';
    const promisedSize = (words: string): number => numberOnPage({ page, words, module: '', constant: '' });
    const bytes = (slots: number): number => plan({ workers: slots, rateBuckets: RATE_BUCKETS }).bytes;
    for (const workers of [4, 256]) {
      const slots = rowsFor(workers);
      expect(promisedSize(`| ${workers} | # |`), `threads of ${workers} workers`).to.equal(slots);
      const mib = promisedSize(`| ${workers} | ${slots} | # MiB |`);
      expect(mib, `block of ${workers} workers`).to.equal(Math.round(bytes(slots) / KIB / KIB));
    }
    const perSlot = (bytes(324) - bytes(7)) / (324 - 7);
    expect(promisedSize('A slot adds # KiB to the block')).to.equal(Math.round(perSlot / KIB));
    expect(promisedSize('to the block, # of them counts by')).to.equal((ADDRESS_WORDS * 4) / KIB);
  });
});
