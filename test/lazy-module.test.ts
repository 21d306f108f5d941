import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { lazyModule } from '#src/lazy-module.js';

const settled = async (results: readonly Promise<unknown>[]): Promise<unknown[]> =>
  (await Promise.allSettled(results)).map((one) => (one.status === 'fulfilled' ? one.value : one.reason));

describe('a lazy module', () => {
  for (const failures of [0, 1, 3]) {
    it(`is loaded again by the call after a failure, by import and by require: ${failures} failures`, async () => {
      const error = new Error('cannot be loaded');
      let tries = 0;
      const imported = lazyModule(async () => {
        if (++tries <= failures) throw error;
        return { tries };
      });
      for (let call = 1; call <= failures; call++) {
        // Calls that are made while it is loaded share the result.
        expect(await settled([imported(), imported()])).to.deep.equal([error, error]);
      }
      const loaded = await imported();
      expect(loaded).to.deep.equal({ tries: failures + 1 });
      expect(await imported()).to.equal(loaded);

      let left = failures;
      const required = lazyModule(() => {
        if (left-- > 0) throw error;
        return { left };
      });
      for (let call = 1; call <= failures; call++) expect(required).to.throw(error);
      expect(required()).to.equal(required());
    });
  }

  it('is loaded once its file is there, although it was missing at the first call', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'multilane-lazy-'));
    try {
      const file = join(folder, 'module.mjs');
      const module = lazyModule(() => import(pathToFileURL(file).href) as Promise<{ value: number }>);
      const [failure] = await settled([module()]);
      expect(failure).to.include({ code: 'ERR_MODULE_NOT_FOUND' });
      writeFileSync(file, 'export const value = 7;');
      expect((await module()).value).to.equal(7);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
