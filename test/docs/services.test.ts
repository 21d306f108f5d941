// Runs the example of docs/services.md with authenticated clients, as it is written.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { idempotent } from '#src/api/idempotent-handler.js';
import { HttpError } from '#src/errors.js';
import type { Application } from '#src/server/handler.js';
import { closeOpened, migratedDatabase, open } from '#test/db/fixtures/open.js';
import { type Bench, bench } from '#test/server/kit.js';

const section = readFileSync('docs/services.md', 'utf8').split('\n## Effects that happen once\n')[1]!;
const [example = ''] = [...section.matchAll(/^```js\n([\s\S]*?)^```$/gm)]
  .map(([, code = '']) => code)
  .filter((code) => code.includes('scope:'));

describe('docs/services.md, effects that happen once', () => {
  const closed: string[] = [];
  let world: Bench;
  let folder: string;
  before(async () => {
    const names = {
      db: open(await migratedDatabase()),
      HttpError,
      idempotent,
      userOf: async (token: string | undefined) => (token === undefined ? undefined : { id: token }),
      closeAccount: async (_tx: unknown, id: string, user: { readonly id: string }) => {
        closed.push(`${user.id} ${id}`);
        return { closed: id, by: user.id };
      },
    };
    folder = mkdtempSync(join(tmpdir(), 'multilane-docs-'));
    const module = join(folder, 'accounts.mjs');
    writeFileSync(module, `export default (app, { ${Object.keys(names).join(', ')} }) => {\n${example}};\n`);
    const { default: declare } = (await import(pathToFileURL(module).href)) as {
      default: (app: Application, given: typeof names) => void;
    };
    world = bench((app) => declare(app, names));
  });
  after(async () => {
    rmSync(folder, { recursive: true });
    await closeOpened();
  });

  const close = async (id: string, authorization?: string) => {
    const headers = { 'idempotency-key': 'k1', ...(authorization === undefined ? {} : { authorization }) };
    const response = await world.inject({ method: 'POST', url: `/accounts/${id}/close`, headers });
    return { status: response.status, json: response.json() };
  };

  it('requires an authenticated client', async () => {
    expect((await close('1')).status).to.equal(401);
  });

  it('repeats to a client the response to its own request, and to no other request', async () => {
    const first = await close('1', 'ada');
    expect(first).to.deep.equal({ status: 200, json: { closed: '1', by: 'ada' } });
    expect(await close('1', 'ada')).to.deep.equal(first);
    expect((await close('2', 'ada')).json).to.include({ status: 422, code: 'IDEMPOTENCY_KEY_REUSED' });
    expect((await close('1', 'bob')).json).to.deep.equal({ closed: '1', by: 'bob' });
    expect(closed).to.deep.equal(['ada 1', 'bob 1']);
  });
});
