import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { expect } from 'chai';

const filesBelow = (folder: string): readonly string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));

describe('the build', () => {
  it('copies all files of src that the compiler does not process', () => {
    const assets = filesBelow('src').filter((file) => !/\.ts$|\.md$|tsconfig\.json$/.test(file));
    expect(assets.filter((file) => file.endsWith('.sql'))).to.not.deep.equal([]);
    for (const file of assets) {
      expect(readFileSync(join('dist', file)).equals(readFileSync(join('src', file))), file).to.equal(true);
    }
  });

  it('contains the API viewer with its licence', () => {
    const contentOf = (file: string): Buffer => readFileSync(join('dist/vendor/swagger-ui', file));
    for (const file of ['swagger-ui.css', 'swagger-ui-bundle.js', 'LICENSE', 'NOTICE']) {
      const isPacked = file.startsWith('swagger-ui');
      const shipped = isPacked ? gunzipSync(contentOf(`${file}.gz`)) : contentOf(file);
      expect(shipped.equals(readFileSync(join('node_modules/swagger-ui-dist', file))), file).to.equal(true);
    }
  });

  it('removes files whose source was deleted', () => {
    const sources = new Set([
      ...filesBelow('src'),
      ...filesBelow('workers').map((file) => join('workers', file)),
    ]);
    const left = filesBelow('dist').filter((file) => {
      if (/^(vendor\/swagger-ui|bundle|packages|dashboard)\//.test(file)) return false;
      const compiled = file.replace(/\.d\.ts$|\.js(\.map)?$/, '.ts');
      return (
        !sources.has(file) && !sources.has(compiled) && !/\.tsbuildinfo$|^\.(?:built|npmignore)$/.test(file)
      );
    });
    expect(left).to.deep.equal([]);
  });
});
