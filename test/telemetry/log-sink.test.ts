import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { expect } from 'chai';
import fc from 'fast-check';
import { shortenLine } from '#src/telemetry/log-shorten.js';
import { LineSink } from '#src/telemetry/log-sink.js';

const asItIs = (line: string): string => line;
const errno = (code: string): Error => Object.assign(new Error(code), { code });

/** A pipe that accepts bytes, is full, or is broken, as the test decides. */
function pipe(limits: { maxLine?: number; maxWaiting?: number } = {}) {
  const state = {
    lost: 0,
    taken: '',
    refuse: undefined as string | undefined,
    atMost: Number.POSITIVE_INFINITY,
  };
  const sink = new LineSink(
    (bytes) => {
      if (state.refuse !== undefined) throw errno(state.refuse);
      const part = bytes.subarray(0, state.atMost);
      state.taken += Buffer.from(part).toString('utf8');
      return part.length;
    },
    { maxLine: 1e6, maxWaiting: 1000, retryMs: 1e6, ...limits },
    () => state.lost++,
  );
  return { state, sink, lines: () => state.taken.split('\n').filter(Boolean) };
}

describe('the log sink', () => {
  it('tells when the lines before a mark are written', () => {
    const { state, sink } = pipe();
    expect(sink.mark()()).to.equal('written');
    sink.write('1\n', asItIs);
    expect(sink.mark()(), 'a line that the reader took at once').to.equal('written');
    state.refuse = 'EAGAIN';
    sink.write('2\n', asItIs);
    const isWritten = sink.mark();
    sink.write('3\n', asItIs);
    expect(isWritten()).to.equal('waiting');
    state.refuse = undefined;
    sink.flush();
    expect(isWritten()).to.equal('written');
  });

  it('never takes a dropped line for a written one, neither before a mark nor behind it', () => {
    const calls = fc.constantFrom('write', 'long', 'mark', 'stop', 'go', 'flush', 'disk full', 'partly');
    fc.assert(
      fc.property(fc.array(calls, { maxLength: 60, size: 'max' }), (list) => {
        const { state, sink } = pipe({ maxLine: 30, maxWaiting: 60 });
        const marks: { readonly lines: readonly string[]; readonly stateOf: () => string }[] = [];
        /** Those since the last report of lines that were dropped. */
        let passed: string[] = [];
        let reports = 1;
        const line = (n: number, format = asItIs): void => {
          passed.push(`{"n":${n}}\n`);
          sink.write(`{"n":${n}}\n`, format);
        };
        const does: Readonly<Record<string, (n: number) => unknown>> = {
          write: line,
          long: (n) => line(n, (text) => text.padEnd(40)),
          mark: () => marks.push({ lines: [...passed], stateOf: sink.mark() }),
          stop: () => (state.refuse = 'EAGAIN'),
          go: () => (state.refuse = undefined),
          'disk full': () => (state.refuse = 'ENOSPC'),
          flush: () => sink.flush(),
          partly: () => (state.atMost = state.atMost === 4 ? Number.POSITIVE_INFINITY : 4),
        };
        for (const [n, call] of [...list, 'go', 'flush'].entries()) {
          does[call]!(n);
          for (const { lines, stateOf } of marks) {
            const missing = lines.filter((one) => !state.taken.includes(one));
            if (stateOf() === 'written') expect(missing).to.deep.equal([]);
          }
          const seen = state.taken.split('log lines dropped').length;
          if (seen > reports) passed = [];
          reports = seen;
        }
        expect(marks.map(({ stateOf }) => stateOf())).to.not.include('waiting');
      }),
      { numRuns: 300, examples: [[['stop', 'write', 'mark', 'disk full', 'flush', 'go', 'write']]] },
    );
  });

  it('keeps lines in order while the reader has stopped, and writes them when it continues', () => {
    const { state, sink } = pipe();
    sink.write('1\n', asItIs);
    state.refuse = 'EAGAIN';
    sink.write('2\n', asItIs);
    sink.write('3\n', asItIs);
    sink.flush();
    expect(state.taken).to.equal('1\n');
    state.refuse = undefined;
    sink.write('4\n', asItIs);
    expect(state.taken, 'the new line waits behind the old ones').to.equal('1\n');
    sink.flush();
    expect(state.taken).to.equal('1\n2\n3\n4\n');
  });

  it('drops lines beyond the limit, and reports their number when it can write again', () => {
    const { state, sink, lines } = pipe({ maxWaiting: 20 });
    state.refuse = 'EAGAIN';
    for (let count = 0; count < 10; count++) sink.write('123456789\n', asItIs);
    state.refuse = undefined;
    sink.flush();
    expect(lines()).to.have.length(3);
    expect(JSON.parse(lines()[2]!)).to.include({ level: 40, dropped: 8 });
    expect(state.lost, 'each is counted').to.equal(8);
  });

  it('finishes a line that was written partially', () => {
    const { state, sink } = pipe();
    state.atMost = 3;
    sink.write('abcdefgh\n', asItIs);
    expect(state.taken).to.equal('abcdefgh\n');
  });

  for (const code of ['EPIPE', 'EBADF']) {
    it(`continues without logs after ${code}`, () => {
      const { state, sink } = pipe();
      state.refuse = code;
      sink.write('lost\n', asItIs);
      state.refuse = undefined;
      sink.write('lost too\n', asItIs);
      sink.flush();
      expect(state.taken).to.equal('');
    });
  }

  it('loses only the current line when the disk is full', () => {
    const { state, sink, lines } = pipe();
    state.refuse = 'ENOSPC';
    sink.write('lost\n', asItIs);
    state.refuse = undefined;
    sink.write('kept\n', asItIs);
    expect(lines()[0]).to.equal('kept');
  });

  it('shortens a line that a pipe could tear apart', () => {
    const { sink, lines } = pipe({ maxLine: 4096 });
    sink.write(`${JSON.stringify({ level: 50, msg: 'x', err: { stack: 'y'.repeat(9000) } })}\n`, asItIs);
    expect(lines()).to.have.length(1);
    expect(JSON.parse(lines()[0]!)).to.include({ level: 50, msg: 'x', truncated: true });
  });

  it('shortens any object to the limit and keeps the fields that identify its origin', () => {
    fc.assert(
      fc.property(fc.object({ maxDepth: 3 }), fc.string({ maxLength: 3000 }), (fields, msg) => {
        const line = `${JSON.stringify({ ...fields, level: 30, msg, many: Array(900).fill(msg) })}\n`;
        const short = shortenLine(line, 1024);
        expect(Buffer.byteLength(short)).to.be.at.most(1024);
        expect(JSON.parse(short)).to.include({ level: 30, truncated: true });
        expect(short.endsWith('\n')).to.equal(true);
      }),
    );
  });
});

describe('the log sink on the real standard output', () => {
  const program = fileURLToPath(new URL('./log-writer.js', import.meta.url));

  for (const [kind, command] of [
    ['socket', [process.execPath, program, '4', '300']],
    ['pipe', ['/bin/sh', '-c', '"$0" "$1" 4 300 | cat', process.execPath, program]],
  ] as const) {
    it(`never mixes lines of several threads on a ${kind}`, async () => {
      const child = spawn(command[0], command.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] });
      const exited = once(child, 'exit');
      const perWorker = new Map<number, number>();
      let dropped = 0;
      for await (const line of createInterface({ input: child.stdout })) {
        const entry = JSON.parse(line) as { worker?: number; n?: number; dropped?: number };
        if (entry.dropped !== undefined) dropped += entry.dropped;
        else {
          const before = perWorker.get(entry.worker!) ?? -1;
          expect(entry.n, 'order of one thread').to.be.above(before);
          perWorker.set(entry.worker!, entry.n!);
        }
      }
      expect(await exited).to.deep.equal([0, null]);
      expect(perWorker.size).to.equal(4);
      expect(dropped).to.equal(0);
      for (const last of perWorker.values()) expect(last).to.equal(299);
    });
  }

  it('does not make a thread load modules twice through links', () => {
    const folder = mkdtempSync(join(tmpdir(), 'multilane-links-'));
    mkdirSync(join(folder, 'real'));
    for (const name of ['before.mjs', 'after.mjs']) writeFileSync(join(folder, 'real', name), '');
    symlinkSync('real', join(folder, 'link'));
    const at = (name: string): string => JSON.stringify(pathToFileURL(join(folder, 'link', name)).href);
    const code = `
      import { stdoutSink } from ${JSON.stringify(import.meta.resolve('#src/telemetry/log-sink.js'))};
      import.meta.resolve(${at('before.mjs')});
      stdoutSink();
      console.log(import.meta.resolve(${at('after.mjs')}));`;
    const { stdout } = spawnSync('/bin/sh', [
      ...['-c', '"$0" --input-type=module --eval "$1" | cat', process.execPath, code],
    ]);
    rmSync(folder, { recursive: true });
    expect(stdout.toString().trim()).to.match(/\/real\/after\.mjs$/);
  });

  it('keeps the process alive when standard output is closed', async () => {
    const child = spawn(process.execPath, [program, '2', '300'], { stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.destroy();
    let complaints = '';
    child.stderr.on('data', (chunk: Buffer) => {
      complaints += chunk.toString();
    });
    expect(await once(child, 'exit')).to.deep.equal([0, null]);
    expect(complaints).to.equal('');
  });

  it('does not block when the reader has stopped', async () => {
    // The output is not read until the process has ended by itself: a blocking write would keep it forever.
    const child = spawn(process.execPath, [program, '2', '300'], { stdio: ['ignore', 'pipe', 'inherit'] });
    expect(await once(child, 'exit')).to.deep.equal([0, null]);
    child.stdout.resume();
    await once(child.stdout, 'close');
  });
});
