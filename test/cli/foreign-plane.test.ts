import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import fc from 'fast-check';
import { createProgram } from '#src/cli/program.js';
import { multilane } from '#test/support/cli.js';
import { type CommandRun, runCommand } from '#test/support/in-process-command.js';
import { planeCommandsOf } from '#test/support/plane-commands.js';
import { type Json, responseTo } from './plane-responses.js';

/** Text that moves the cursor, renames the window, reverses the direction of text, and ends the line. */
const STEERING = '\x1b[2J\x1b]0;x\x07\x9b2J\u202e\r\nmultilane: forged';
const STEERS = /[^\P{Cc}\n]|[\u2028-\u202e]/u;

const COMMANDS = planeCommandsOf(createProgram());

/** Copies of a value, each with one of its parts replaced. */
function withPart(json: Json, at: number, part: Json): Json {
  let left = at;
  const visit = (value: Json): Json => {
    if (left-- === 0) return part;
    if (Array.isArray(value)) return value.map(visit);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, visit(item)]));
  };
  return visit(json);
}

describe('a command whose admin URL belongs to another program', () => {
  let answer: (path: string, response: ServerResponse) => void;
  const server = createServer((request, response) => answer(request.url!, response));
  let url: string;
  before(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  const typed = (command: readonly string[], ...more: readonly string[]): readonly string[] => [
    ...[...command, '--admin', url, ...more],
    ...(command[0] === 'reload' ? ['--timeout', '0.001'] : []),
  ];
  const expectOneLine = ({ code, stdout, stderr }: CommandRun, what: string): void => {
    expect(stdout, what).to.not.match(STEERS);
    if (code === 0) return;
    expect(code, what).to.equal(1);
    expect(stderr, what).to.match(/^multilane: .+\n$/);
    expect(stderr, what).to.not.match(STEERS);
    expect(stderr.length, what).to.be.below(1_000);
  };

  it('may be any of these commands', () => {
    const names = COMMANDS.map((command) => command.join(' '));
    expect(names).to.include.members(['ps', 'top', 'reload', 'sagas list', 'sagas show x', 'sagas skip x']);
  });

  const bodies: Readonly<Record<string, string>> = {
    ...{ 'an object': '{}', 'a list': '[]', null: 'null', 'a number': '0', 'a text': '"a"', nothing: '' },
    ...{ 'a page': '<html><h1>Welcome</h1></html>', 'a list of objects': '[{}]', 'a list of null': '[null]' },
    ...{ 'a page without a list': '{"items":{},"nextCursor":{}}', 'cut JSON': '[{"id":1,"generation":' },
    ...{
      'deep lists': '['.repeat(100_000) + ']'.repeat(100_000),
      'a long list': `[${'0,'.repeat(1_000_000)}0]`,
    },
    'text that controls the terminal': JSON.stringify(STEERING),
  };
  for (const [what, body] of Object.entries(bodies)) {
    it(`reports it in one line with the URL when the response is ${what}`, async () => {
      for (const status of [200, 500]) {
        answer = (_path, response) => response.writeHead(status).end(body);
        for (const command of COMMANDS) {
          const run = await runCommand(typed(command));
          // An empty list is a valid list of workers, but a reload needs a worker.
          const isEmpty = body === '[]' && status === 200 && command[0] !== 'reload';
          if (isEmpty && run.code === 0) continue;
          expectOneLine(run, command.join(' '));
          expect(run.code, command.join(' ')).to.equal(1);
          expect(run.stderr, command.join(' ')).to.contain(url);
          if (body === '[]' && command[0] === 'reload' && status === 200) expect(run.stderr).to.contain('[]');
        }
      }
    });
  }

  const breaks: Readonly<Record<string, (response: ServerResponse) => void>> = {
    'closes the connection': (response) => void response.destroy(),
    'closes it in the middle of the response': (response) =>
      void response.writeHead(200, { 'content-length': 99 }).write('[{"id":', () => response.destroy()),
    redirects: (response) => void response.writeHead(302, { location: '/workers' }).end(),
    'sends no content': (response) => void response.writeHead(204).end(),
  };
  for (const [what, act] of Object.entries(breaks)) {
    it(`reports it in one line with the URL when the server ${what}`, async () => {
      answer = (_path, response) => act(response);
      for (const command of COMMANDS) {
        const run = await runCommand(typed(command));
        expectOneLine(run, command.join(' '));
        expect(run.stderr, command.join(' ')).to.contain(url);
      }
    });
  }

  it('stops reading an endless response', async function () {
    this.timeout(10_000);
    const piece = Buffer.alloc(4 << 20, ' ');
    answer = (_path, response) => {
      const send = (): void => void response.write(piece, (error) => error ?? setImmediate(send));
      send();
    };
    const run = await runCommand(typed(['ps']));
    expectOneLine(run, 'ps');
    expect(run.stderr).to.match(/is no admin plane: more than \d+ bytes/);
  });

  it('prints a problem document as plain text, whatever it contains', async () => {
    const problems: readonly Json[] = [
      { code: STEERING, detail: STEERING },
      { code: 'A', detail: { a: 1 } },
      { code: ['A'], detail: STEERING },
      { code: '' },
    ];
    for (const problem of problems) {
      answer = (_path, response) => response.writeHead(409).end(JSON.stringify(problem));
      for (const command of COMMANDS) {
        const run = await runCommand(typed(command));
        expectOneLine(run, JSON.stringify(problem));
        expect(run.code).to.equal(1);
      }
    }
  });

  it('either prints a response or reports in one line what is wrong, whichever part is changed', async function () {
    this.timeout(20_000);
    const part = fc.oneof(fc.constant(STEERING), fc.jsonValue({ maxDepth: 2 })) as fc.Arbitrary<Json>;
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...COMMANDS),
        fc.boolean(),
        fc.nat(30),
        part,
        async (command, isJson, at, other) => {
          answer = (path, response) => response.end(JSON.stringify(withPart(responseTo(path), at, other)));
          expectOneLine(await runCommand(typed(command, ...(isJson ? ['--json'] : []))), command.join(' '));
        },
      ),
      { numRuns: 300 },
    );
  });

  it('accepts responses of this version, and unknown members', async () => {
    for (const isJson of [false, true]) {
      answer = (path, response) => {
        const known = responseTo(path);
        response.end(JSON.stringify(Array.isArray(known) ? known : { ...(known as object), later: [1] }));
      };
      for (const command of COMMANDS.filter(([name]) => name !== 'reload')) {
        const run = await runCommand(typed(command, ...(isJson ? ['--json'] : [])));
        expect(run, command.join(' ')).to.include({ code: 0, stderr: '' });
      }
    }
  });

  it('exits with code 1', async () => {
    answer = (_path, response) => response.end('{}');
    const run = await multilane(['ps', '--admin', url]);
    expect(run).to.include({ code: 1, stdout: '' });
    expect(run.stderr).to.match(
      /^multilane: http:\/\/127.* the response to GET \/workers is not as expected \(Expected array at \/\)\n$/,
    );
  });
});
