import { execFile } from 'node:child_process';
import { copyFileSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { multilane, Project } from '#test/support/cli.js';

/** Code of a project that uses the types, with each mistake that they must show. */
const USE = `
import { type Call, defineService } from 'multilane';
import type { Handlers, Item, ItemInput, Methods, State } from './grpc-types/kit.js';
import type { Order } from './grpc-types/shop.js';

export async function use(call: Call): Promise<string> {
  const sent: ItemInput = { id: 7n, large: '12', content: new Uint8Array(1), values: [1], state: 'OPEN', note: null };
  const { message } = await call('kit').grpc<Methods['multilane.test.v1.Everything/Get']['response']>('Get', sent);
  const item: Item = message;
  const state: State = item.state;
  const name: string | undefined = item.choice === 'text' ? item.text : item.details.a?.yes ? item.note : item.id;
  // @ts-expect-error It is null when it was not sent.
  item.createdAt.seconds;
  // @ts-expect-error There is no such field.
  const wrong: ItemInput = { nam: 'x' };
  const again: ItemInput = item;
  // @ts-expect-error An optional field has no member that says whether it was sent.
  item._note;
  // @ts-expect-error There is no such member of what is sent either.
  const named: ItemInput = { note: 'x', _note: 'note' };
  return String([name, state, wrong, again, named]);
}

const handlers: Handlers = {
  Everything: {
    Get: (item, ctx) => ({ name: item.name, id: ctx.requestId.length }),
    List: async function* (item) { yield item; },
    Collect: async (items) => { const names: string[] = []; for await (const { name } of items) names.push(name); return { names }; },
    Chat: { timeoutMs: 500, handler: async function* (items) { for await (const item of items) yield item; } },
  },
};
export const kit = defineService({
  name: 'kit',
  routes: () => {},
  grpc: { proto: new URL('./everything.proto', import.meta.url), handlers: () => handlers },
});
export type Own = Order;
`;

const CONFIG = `
import { defineConfig, defineService } from 'multilane';
const kit = defineService({
  name: 'kit',
  routes() {},
  grpc: { proto: new URL('./everything.proto', import.meta.url), handlers: () => ({}) },
});
export default defineConfig({ services: [kit], protos: { shop: new URL('./orders.proto', import.meta.url) } });
`;

/**
 * Names that TypeScript reserves, names that objects inherit, a field that extends a message, and two
 * services with one short name.
 */
const RESERVED =
  'class default delete enum function import interface let null number static type void yield any';
const ODD = `
syntax = "proto2";
package odd;
message Base { optional string x = 1; extensions 100 to 200; }
extend Base { optional string more = 100; }
message Object { optional string x = 1; }
message Inherited { optional Object o = 4; optional string constructor = 1; optional int32 valueOf = 2; repeated Base toString = 3; }
${RESERVED.split(' ')
  .map((word) => `message ${word} { optional string x = 1; }`)
  .join('\n')}
service Twice {
  rpc Extended(Base) returns (Base);
  rpc Inherits(Inherited) returns (Inherited);
${RESERVED.split(' ')
  .map((word, at) => `  rpc R${at}(${word}) returns (${word});`)
  .join('\n')}
}
`;
const ODD_TOO = `
syntax = "proto3";
package other;
message M { string x = 1; }
service Twice { rpc Get(M) returns (M); }
`;
const ODD_CONFIG = `
import { defineConfig, defineService } from 'multilane';
const files = ['./odd.proto', './odd-too.proto'].map((file) => new URL(file, import.meta.url));
export default defineConfig({ services: [defineService({ name: 'kit', routes() {} })], protos: { odd: files } });
`;
const USE_ODD = `
import type { BaseInput, Handlers, Inherited, InheritedInput } from './grpc-types/odd.js';
export const base: BaseInput = { '.odd.more': 'x' };
export const inherited: InheritedInput[] = [{}, { constructor: 'x', valueOf: 7, toString: [base] }];
export const sentOn = (received: Inherited): [InheritedInput, string] => [received, received.constructor];
// @ts-expect-error It is a text.
export const wrong: InheritedInput = { constructor: 7 };
export const keys: (keyof Handlers)[] = ['odd.Twice', 'other.Twice'];
`;

const PROTOS = { 'everything.proto': 'test/grpc/fixtures/', 'orders.proto': 'src/services/orders/' };
const FILES = ['kit.d.ts', 'shop.d.ts'].map((file) => join('grpc-types', file));

describe('multilane grpc types', () => {
  let project: Project;
  beforeEach(() => {
    project = new Project();
    project.install();
    for (const [file, folder] of Object.entries(PROTOS))
      copyFileSync(folder + file, join(project.folder, file));
  });
  afterEach(() => project.remove());
  const types = (...args: readonly string[]) =>
    multilane(['grpc', 'types', ...args], { cwd: project.folder });

  it('writes types with which the compiler accepts right code and refuses wrong code', async () => {
    project.write('multilane.config.js', CONFIG);
    expect(await types()).to.include({
      code: 0,
      stderr: '',
      stdout: FILES.map((file) => `${file} written\n`).join(''),
    });
    expect(await compiled(USE, FILES)).to.equal('');
  }).timeout(60_000);

  it('writes types that compile whatever the names are', async () => {
    project.write('odd.proto', ODD);
    project.write('odd-too.proto', ODD_TOO);
    project.write('multilane.config.js', ODD_CONFIG);
    expect(await types()).to.include({ code: 0, stderr: '' });
    expect(await compiled(USE_ODD, [join('grpc-types', 'odd.d.ts')])).to.equal('');
  }).timeout(60_000);

  /** Resolves with what the compiler finds wrong. */
  async function compiled(use: string, files: readonly string[]): Promise<string> {
    project.write('use.ts', use);
    project.write('package.json', '{ "type": "module" }');
    const options = [
      '--noEmit',
      '--strict',
      '--target',
      'es2022',
      '--module',
      'nodenext',
      '--skipLibCheck',
      'false',
    ];
    const roots = ['--types', 'node', '--typeRoots', resolve('node_modules/@types')];
    const tsc = resolve('node_modules/typescript/bin/tsc');
    const args = [tsc, ...options, ...roots, 'use.ts', ...files];
    return promisify(execFile)(process.execPath, args, { cwd: project.folder }).then(
      () => '',
      (error: { stdout: string }) => error.stdout,
    );
  }

  it('writes the same files each time', async () => {
    project.write('multilane.config.js', CONFIG);
    const read = () => FILES.map((file) => readFileSync(join(project.folder, file), 'utf8'));
    await types();
    const first = read();
    await types();
    expect(read()).to.deep.equal(first);
  });

  it('writes nothing, and says why, for a project without .proto files', async () => {
    project.write('multilane.config.js', CONFIG.replace(/grpc: .*,\n/, '').replace(/, protos: .*}/, '}'));
    const run = await types();
    expect(run.code).to.equal(78);
    expect(run.stderr).to.match(/no service of the project has \.proto files/);
  });

  it('names the service whose .proto file is wrong', async () => {
    project.write('multilane.config.js', CONFIG);
    project.write('orders.proto', 'syntax = "proto3"; message {');
    const run = await types('--out', 'other');
    expect(run.code).to.equal(78);
    expect(run.stderr).to.match(/service "shop": grpc: .*orders\.proto/);
  });
});
