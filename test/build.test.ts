import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';

const filesBelow = (folder: string): readonly string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));

describe('the build', () => {
  it('carries over everything of src that the compiler does not', () => {
    const assets = filesBelow('src').filter((file) => !/\.ts$|\.md$|tsconfig\.json$/.test(file));
    expect(assets.filter((file) => file.endsWith('.sql'))).to.not.deep.equal([]);
    for (const file of assets) {
      expect(readFileSync(join('dist', file)).equals(readFileSync(join('src', file))), file).to.equal(true);
    }
  });

  it('keeps nothing whose source is gone', () => {
    const sources = new Set([
      ...filesBelow('src'),
      ...filesBelow('workers').map((file) => join('workers', file)),
    ]);
    const left = filesBelow('dist').filter((file) => {
      const compiled = file.replace(/\.d\.ts$|\.js(\.map)?$/, '.ts');
      return !sources.has(file) && !sources.has(compiled) && !/\.tsbuildinfo$|^\.built$/.test(file);
    });
    expect(left).to.deep.equal([]);
  });
});
